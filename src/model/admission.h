// How a machine enters a network: what it says of itself, what it is given. The admission is the
// record of a machine that may come in but is no member yet (KV bucket `invites`, key = machine id);
// it becomes a machine record by one create, and is nobody's after it expires.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/machine.h"
#include "model/names.h"

namespace ployz {

inline constexpr int kAdmissionVersion = 1;
// From the admission to its end when nobody completes it: longer than any installation.
inline constexpr uint64_t kAdmissionMs = 15 * 60 * 1000;

// `ployzctl mesh self-record`: made by the joining machine, keys never leave it.
struct SelfRecord {
  MachineId id;
  std::string name;     // its host name, a DNS label
  std::string version;  // of Ployz
  std::string wireguard_public_key;
  std::string nats_public_key;         // of its leaf node
  std::vector<std::string> endpoints;  // best first
  uint64_t clock_ms = 0;
  bool operator==(const SelfRecord&) const = default;
};

// What all machines of a network have in common; made by the founder, KV `meta`, key `network`.
struct NetworkSettings {
  std::string name;
  std::string cluster_cidr;
  uint8_t subnet_prefix_len = 24;
  std::string cluster_domain;
  std::string gateway_domain;
  bool operator==(const NetworkSettings&) const = default;
};

struct Admission {
  Machine machine;  // as it will be recorded: id, name, subnet, keys
  OperationId operation;
  uint64_t expires_at_ms = 0;
  bool operator==(const Admission&) const = default;
};

// All that a machine needs to join; no secret in it, the keys stay where they were made.
struct JoinBundle {
  NetworkSettings network;
  Admission admission;
  std::vector<Machine> machines;  // the members, with keys and endpoints
  uint64_t epoch = 1;             // of the store
  bool operator==(const JoinBundle&) const = default;
};

[[nodiscard]] Json to_json(const SelfRecord& record);
[[nodiscard]] Result<SelfRecord> self_record_from_json(const Json& json);
[[nodiscard]] Json to_json(const NetworkSettings& settings);
[[nodiscard]] Result<NetworkSettings> network_settings_from_json(const Json& json);
[[nodiscard]] Json to_json(const Admission& admission);
[[nodiscard]] Result<Admission> admission_from_json(const Json& json);
[[nodiscard]] Json to_json(const JoinBundle& bundle);
// Whether it makes sense (subnets, a store machine) is looked at by whoever joins with it.
[[nodiscard]] Result<JoinBundle> join_bundle_from_json(const Json& json);

}  // namespace ployz

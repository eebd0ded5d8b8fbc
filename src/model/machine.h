// Machines: the record in the store, and the live facts a machine answers when it is asked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/dataset.h"
#include "model/names.h"

namespace ployz {

// `leaving`: told to leave the network, for good; mesh/machine_removal.h.
enum class MachineState { active, draining, drained, standby, leaving };

struct Machine {
  MachineId id;
  std::string name;
  std::string subnet;                  // "10.101.0.0/24", never another machine's
  std::string overlay_address;         // first host of the subnet: gateway of its bridge, DNS, NATS
  std::vector<std::string> endpoints;  // "192.0.2.7:51820", best first
  MachineState state = MachineState::active;
  bool stores = false;          // holds the control-plane store
  std::string nats_public_key;  // nkey "U…"
  std::string wireguard_public_key;
  std::string version;
  uint64_t created_at_ms = 0;
  bool operator==(const Machine&) const = default;
};

enum class InstanceState { created, running, exited, unknown };

// A container of Ployz as found on a machine; all fields from its labels and the engine.
struct FoundInstance {
  InstanceId id;
  NamespaceName name_space;
  ServiceName service;
  RevisionId revision;
  OperationId operation;  // that made it
  std::string address;
  InstanceState state = InstanceState::unknown;
  int exit_code = 0;
  uint64_t started_at_ms = 0;
  std::map<VolumeName, DatasetId> datasets;  // that it mounts
  bool operator==(const FoundInstance&) const = default;
};

// Observed at decision time, never stored as truth.
struct MachineFacts {
  MachineId machine;
  std::string version;
  uint64_t clock_ms = 0;
  std::vector<FoundInstance> instances;
  std::vector<std::string> addresses_in_use;    // containers and reservations, on this subnet
  std::vector<uint16_t> host_ports_in_use;      // listening, by anything but the gateway
  std::map<std::string, std::string> images;    // asked-for reference → image id, when present
  std::map<std::string, std::string> pullable;  // reference → why not, when absent; "" = it is
  uint64_t memory_free_bytes = 0;
  uint64_t disk_free_bytes = 0;
  bool router_answers = false;
  std::optional<StoragePool> pool;  // absent: this machine keeps no volumes
  std::vector<Dataset> datasets;    // only when asked for
  bool operator==(const MachineFacts&) const = default;
};

[[nodiscard]] std::string_view to_string(MachineState state);
[[nodiscard]] std::string_view to_string(InstanceState state);
[[nodiscard]] Json to_json(const Machine& machine);
[[nodiscard]] Result<Machine> machine_from_json(const Json& json);
[[nodiscard]] Json to_json(const FoundInstance& instance);
[[nodiscard]] Result<FoundInstance> found_instance_from_json(const Json& json);
[[nodiscard]] Json to_json(const MachineFacts& facts);
[[nodiscard]] Result<MachineFacts> machine_facts_from_json(const Json& json);

}  // namespace ployz

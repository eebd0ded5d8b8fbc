// What the HTTP API of the daemon says beyond the nouns of src/model: reports put together for one
// answer, never stored. JSON of every type here is the wire format and what `ployzctl --json`
// prints (goldens: src/api/testdata). Readers ignore fields they do not know, so an older client
// understands a newer daemon.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "images/distribution.h"
#include "mesh/drain_report.h"
#include "mesh/store_recovery.h"
#include "mesh/store_report.h"
#include "mesh/update_report.h"
#include "mesh/removal.h"
#include "mesh/removal_report.h"
#include "mesh/machine_state.h"
#include "model/admission.h"
#include "model/invite.h"
#include "model/commit.h"
#include "model/machine.h"
#include "model/names.h"
#include "model/plan.h"
#include "model/removal_notice.h"
#include "ports/containers.h"

namespace ployz {

inline constexpr int kApiVersion = 1;  // the /v1 of every path
// The content type of a manifest that is canonical JSON (model/manifest.h), made by a program.
inline constexpr std::string_view kCanonicalManifest = "application/vnd.ployz.manifest+json";

// One part a machine consists of: "store", "router", "gateway", "dns", "containers".
struct ComponentReport {
  std::string name;
  bool healthy = false;
  std::string detail;  // why not, or a fact worth a line ("epoch 1", "Docker 26.1.5")
};

// How fresh a reading is that is not the store's: everything that was acknowledged by then is in it.
struct AsOf {
  uint64_t at_ms = 0;  // wall clock
  uint64_t age_ms = 0;
  uint64_t commit = 0;  // the sequence that it had then
  bool operator==(const AsOf&) const = default;
};

struct StatusReport {
  std::string version;  // of the daemon
  std::string network;  // empty: this machine belongs to none yet (`mesh init`)
  std::optional<Machine> machine;
  // Network and machine are what they were: it was removed, and serves nothing.
  std::optional<RemovalNotice> removed;
  uint64_t started_at_ms = 0;
  std::vector<ComponentReport> components;
  uint64_t namespaces = 0;
  uint64_t instances = 0;
  std::vector<OperationId> unfinished;  // running, interrupted or with a cleanup pending
  std::optional<AsOf> as_of = {};       // of these three, when the store does not say
};

struct MeshInitRequest {
  std::string name;  // a DNS label
};

struct MeshReport {
  std::string name;
  std::string cluster_cidr;
  std::string cluster_domain;
  std::string gateway_domain;
  std::string gateway_address;  // host:port where this machine's gateway answers HTTP
  uint64_t machines = 0;
  uint64_t store_machines = 0;
  uint64_t epoch = 0;                  // of the store
  std::vector<std::string> not_ready;  // what is missing; empty: ready
  bool created = false;                // by this very call (mesh_init)
};

// A machine as asked just now, never from memory.
struct MachineReport {
  Machine machine;
  bool self = false;                  // the one that answers
  std::optional<MachineFacts> facts;  // when it answered
  std::optional<Error> silent;        // when it did not: why
  uint64_t round_trip_us = 0;
  // Of the tunnel from the machine that answers; empty and nullopt for itself.
  std::string endpoint = {};                      // in use
  std::optional<uint64_t> handshake_age_ms = {};  // nullopt: none yet
};

struct AdmitRequest {
  SelfRecord record;
  std::string name;  // instead of the record's; empty: that one
};

struct InviteRequest {
  std::string name;  // of the machine that comes; empty: its host name
  uint64_t ttl_ms = kInviteMs;
};

struct InviteReport {
  Invite invite;
  std::string state;       // describe_state, now
  std::string token = {};  // of the very call that created it; a secret
};

// One direction of one pair of machines.
struct RttReport {
  MachineId from;
  MachineId to;
  uint64_t median_us = 0;
  uint64_t deviation_us = 0;  // median of the distances from the median
  uint32_t samples = 0;
  uint32_t lost = 0;
  std::string error;  // why there are no samples
};

struct EndpointReport {
  std::string kind;  // "http" (host name at the gateway), "tcp" (published port), "dns"
  ServiceName service;
  std::string where;  // "shop.example.com/api", ":5432", "web.shop.cluster.local"
};

struct NamespaceReport {
  CommitEntry newest;
  std::vector<EndpointReport> endpoints;
};

// An instance of a commit, or a container that no commit names, with what its machine says of it.
struct InstanceReport {
  FoundInstance found;  // state `unknown`: the machine is silent or has no such container
  MachineId machine;
  std::string machine_name;
  std::string image;
  bool committed = false;  // the namespace's newest commit names it
};

// A dataset of a machine, with the name that a newest commit gives it.
struct VolumeReport {
  Dataset dataset;
  MachineId machine;
  std::string machine_name;
  // Of the newest commit that maps it; empty: only former commits name it, if any.
  NamespaceName name_space;
  VolumeName volume;
};

struct VolumesReport {
  std::vector<VolumeReport> volumes;
  std::vector<std::string> silent;  // machines, by name
};

// A plan that waits to be applied.
struct PreparedReport {
  OperationId id;
  uint64_t expires_at_ms = 0;
  Plan plan;
};

struct LogsRequest {
  // An instance, or every instance of a service.
  InstanceId instance;
  NamespaceName name_space;
  ServiceName service;
  uint64_t lines = 100;
  bool follow = false;
};

struct LogChunk {
  InstanceId instance;
  std::string text;  // whole lines or parts of one, as the container wrote them
};

struct ExecRequest {
  InstanceId instance;
  std::vector<std::string> command;
  uint64_t timeout_ms = 60000;
};

// A commit without what only machines need: no environment, no commands. For lists.
[[nodiscard]] Json summary_to_json(const CommitEntry& entry);

[[nodiscard]] Json to_json(const CommitEntry& entry);
[[nodiscard]] Json to_json(const ComponentReport& report);
[[nodiscard]] Json to_json(const AsOf& as_of);
[[nodiscard]] Json to_json(const StatusReport& report);
[[nodiscard]] Json to_json(const MeshInitRequest& request);
[[nodiscard]] Json to_json(const MeshReport& report);
[[nodiscard]] Json to_json(const MachineReport& report);
[[nodiscard]] Json to_json(const AdmitRequest& request);
[[nodiscard]] Json to_json(const InviteRequest& request);
// Without keys; the token is no part of it.
[[nodiscard]] Json to_json(const InviteReport& report);
[[nodiscard]] Json to_json(const RttReport& report);
[[nodiscard]] Json to_json(const StateReport& report);
[[nodiscard]] Json to_json(const DrainReport& report);
[[nodiscard]] Json to_json(const StoreReport& report);
[[nodiscard]] Json to_json(const StoreRequest& request);
[[nodiscard]] Json to_json(const RecoveryReport& report);
[[nodiscard]] Result<StoreRequest> store_request_from_json(const Json& json);
[[nodiscard]] Json to_json(const UpdateReport& report);
[[nodiscard]] Json to_json(const UpdateRequest& request);
[[nodiscard]] Result<UpdateRequest> update_request_from_json(const Json& json);
[[nodiscard]] Json to_json(const RemovalReport& report);
[[nodiscard]] Json to_json(const EndpointReport& report);
[[nodiscard]] Json to_json(const NamespaceReport& report);
[[nodiscard]] Json to_json(const InstanceReport& report);
[[nodiscard]] Json to_json(const VolumeReport& report);
[[nodiscard]] Json to_json(const VolumesReport& report);
[[nodiscard]] Json to_json(const LogChunk& chunk);
[[nodiscard]] Json to_json(const ExecRequest& request);
[[nodiscard]] Json to_json(const ExecResult& result);
[[nodiscard]] Json to_json(const ImageInfo& image);
[[nodiscard]] Json to_json(const DistributeRequest& request);
[[nodiscard]] Json to_json(const DistributeReport& report);
[[nodiscard]] Json to_json(const ImageStatus& status);

// Requests are read strictly: an unknown field is `invalid`, because a misspelt option that is
// ignored is an operation nobody asked for.
[[nodiscard]] Result<MeshInitRequest> mesh_init_request_from_json(const Json& json);
[[nodiscard]] Result<AdmitRequest> admit_request_from_json(const Json& json);
[[nodiscard]] Result<InviteRequest> invite_request_from_json(const Json& json);
[[nodiscard]] Result<ExecRequest> exec_request_from_json(const Json& json);
[[nodiscard]] Result<DistributeRequest> distribute_request_from_json(const Json& json);

}  // namespace ployz

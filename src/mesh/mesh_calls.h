// The wire form of what members are asked about the mesh: RPC commands of the agent target.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"

namespace ployz {

// "mesh_sync": answers when this member's peers (and, where the store is, its users) include the
// machine, or with `present` false no longer do. `timeout`: not within kMeshSync.
struct MeshSyncRequest {
  MachineId machine;
  bool present = true;
};
inline constexpr std::chrono::milliseconds kMeshSync{5000};

// "mesh_probe": answers when the machine answers an echo at its overlay address and each of the
// ports accepts a connection; `unavailable` says what does not.
struct MeshProbeRequest {
  std::string address;
  std::vector<uint16_t> ports;
};
inline constexpr std::chrono::milliseconds kMeshProbe{1000};  // for each of the attempts

// "leave": the machine notes durably that it is to leave its network, answers, and then goes on by
// itself (over restarts of its daemon) until it is as before it belonged to one. Repeated: success.
// `conflict`: it is just doing something else with its network, ask again.
inline constexpr std::string_view kLeave = "leave";
struct LeaveRequest {
  OperationId operation;   // that removes it
  bool keep_data = false;  // its storage pool, with all datasets, stays as it is
  bool operator==(const LeaveRequest&) const = default;
};

// "rtt": measures the way to each of the targets, see rtt.h.
struct RttTarget {
  MachineId machine;
  std::string address;
};
struct RttRequest {
  std::vector<RttTarget> targets;
};

[[nodiscard]] Json to_json(const MeshSyncRequest& request);
[[nodiscard]] Result<MeshSyncRequest> mesh_sync_request_from_json(const Json& json);
[[nodiscard]] Json to_json(const MeshProbeRequest& request);
[[nodiscard]] Result<MeshProbeRequest> mesh_probe_request_from_json(const Json& json);
[[nodiscard]] Json to_json(const LeaveRequest& request);
[[nodiscard]] Result<LeaveRequest> leave_request_from_json(const Json& json);
[[nodiscard]] Json to_json(const RttRequest& request);
[[nodiscard]] Result<RttRequest> rtt_request_from_json(const Json& json);

}  // namespace ployz

#include "mesh/mesh_calls.h"

namespace ployz {
namespace {
constexpr size_t kMaxTargets = 1000;  // machines of a network, with room
constexpr size_t kMaxPorts = 16;
}  // namespace

Json to_json(const MeshSyncRequest& request) {
  return {{"machine", request.machine.str()}, {"present", request.present}};
}

Result<MeshSyncRequest> mesh_sync_request_from_json(const Json& json) {
  MeshSyncRequest request;
  request.machine = MachineId(TRY(get_string(json, "machine")));
  request.present = TRY(get_bool(json, "present"));
  return request;
}

Json to_json(const MeshProbeRequest& request) {
  return {{"address", request.address}, {"ports", request.ports}};
}

Result<MeshProbeRequest> mesh_probe_request_from_json(const Json& json) {
  MeshProbeRequest request;
  request.address = TRY(get_string(json, "address"));
  for (const Json& port : TRY(get_array(json, "ports"))) {
    if (!port.is_number_unsigned() || port.get<uint64_t>() > 65535) {
      return fail(Code::invalid, "ports: not a port");
    }
    request.ports.push_back(port.get<uint16_t>());
  }
  if (request.ports.size() > kMaxPorts) return fail(Code::invalid, "ports: too many");
  return request;
}

Json to_json(const LeaveRequest& request) {
  return {{"operation", request.operation.str()}, {"keep_data", request.keep_data}};
}

Result<LeaveRequest> leave_request_from_json(const Json& json) {
  LeaveRequest request;
  request.operation = OperationId(TRY(get_string(json, "operation")));
  request.keep_data = TRY(get_bool(json, "keep_data"));
  return request;
}

Json to_json(const RttRequest& request) {
  Json targets = Json::array();
  for (const RttTarget& target : request.targets) {
    targets.push_back({{"machine", target.machine.str()}, {"address", target.address}});
  }
  return {{"targets", std::move(targets)}};
}

Result<RttRequest> rtt_request_from_json(const Json& json) {
  RttRequest request;
  for (const Json& target : TRY(get_array(json, "targets"))) {
    request.targets.push_back({MachineId(TRY(get_string(target, "machine"))),
                               TRY(get_string(target, "address"))});
  }
  if (request.targets.size() > kMaxTargets) return fail(Code::invalid, "targets: too many");
  return request;
}

}  // namespace ployz

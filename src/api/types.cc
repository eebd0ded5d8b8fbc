#include "api/types.h"

#include <format>

#include "base/ulid.h"

namespace ployz {
namespace {

template <class T>
Json list_of(const std::vector<T>& items) {
  Json out = Json::array();
  for (const T& item : items) out.push_back(to_json(item));
  return out;
}

Status only_fields(const Json& json, std::initializer_list<std::string_view> known) {
  if (!json.is_object()) return fail(Code::invalid, "the request is not a JSON object");
  for (const auto& item : json.items())
    if (std::ranges::find(known, item.key()) == known.end())
      return fail(Code::invalid, std::format("unknown field '{}'", item.key()));
  return {};
}

}  // namespace

Json summary_to_json(const CommitEntry& entry) {
  const Commit& commit = entry.commit;
  Json services = Json::array();
  for (const CommittedService& service : commit.services)
    services.push_back({{"name", service.service.name.str()},
                        {"image", service.service.container.image},
                        {"image_id", service.service.container.image_id},
                        {"revision", service.revision.str()},
                        {"instances", service.instances.size()}});
  return {{"sequence", entry.sequence},
          {"id", commit.id.str()},
          {"namespace", commit.name_space.str()},
          {"kind", to_string(commit.kind)},
          {"operation", commit.operation.str()},
          {"parent_sequence", commit.parent_sequence},
          {"created_at_ms", commit.created_at_ms},
          {"manifest_digest", commit.manifest_digest},
          {"removed", commit.removed},
          {"services", std::move(services)},
          {"volumes", commit.volumes.size()}};
}

Json to_json(const CommitEntry& entry) {
  return {{"sequence", entry.sequence}, {"commit", to_json(entry.commit)}};
}

Json to_json(const ComponentReport& report) {
  return {{"name", report.name}, {"healthy", report.healthy}, {"detail", report.detail}};
}

Json to_json(const AsOf& as_of) {
  return {{"at_ms", as_of.at_ms}, {"age_ms", as_of.age_ms}, {"commit", as_of.commit}};
}

Json to_json(const StatusReport& report) {
  Json unfinished = Json::array();
  for (const OperationId& id : report.unfinished) unfinished.push_back(id.str());
  Json json = {{"api_version", kApiVersion},
               {"version", report.version},
               {"network", report.network},
               {"machine", report.machine ? to_json(*report.machine) : Json()},
               {"started_at_ms", report.started_at_ms},
               {"components", list_of(report.components)},
               {"namespaces", report.namespaces},
               {"instances", report.instances},
               {"unfinished", std::move(unfinished)}};
  if (report.removed) json["removed"] = to_json(*report.removed);
  if (report.as_of) json["as_of"] = to_json(*report.as_of);
  return json;
}

Json to_json(const MeshInitRequest& request) {
  return {{"name", request.name}};
}

Json to_json(const MeshReport& report) {
  return {{"name", report.name},
          {"outcome", report.created ? "created" : "unchanged"},
          {"cluster_cidr", report.cluster_cidr},
          {"cluster_domain", report.cluster_domain},
          {"gateway_domain", report.gateway_domain},
          {"gateway_address", report.gateway_address},
          {"machines", report.machines},
          {"store_machines", report.store_machines},
          {"epoch", report.epoch},
          {"ready", report.not_ready.empty()},
          {"not_ready", report.not_ready}};
}

Json to_json(const MachineReport& report) {
  return {{"machine", to_json(report.machine)},
          {"self", report.self},
          {"reachable", report.facts.has_value()},
          {"facts", report.facts ? to_json(*report.facts) : Json()},
          {"error", report.silent ? error_to_json(*report.silent) : Json()},
          {"round_trip_us", report.round_trip_us},
          {"endpoint", report.endpoint},
          {"handshake_age_ms", report.handshake_age_ms ? Json(*report.handshake_age_ms) : Json()}};
}

Json to_json(const AdmitRequest& request) {
  return {{"record", to_json(request.record)}, {"name", request.name}};
}

Json to_json(const InviteRequest& request) {
  return {{"name", request.name}, {"ttl_ms", request.ttl_ms}};
}

Json to_json(const InviteReport& report) {
  const Invite& invite = report.invite;
  return {{"id", invite.id.str()},
          {"name", invite.name},
          {"state", report.state},
          {"created_by", invite.created_by.str()},
          {"created_at_ms", invite.created_at_ms},
          {"expires_at_ms", invite.expires_at_ms},
          {"machine", invite.user ? Json{{"id", invite.user->machine.str()},
                                         {"name", invite.user->name}}
                                  : Json()}};
}

Json to_json(const RttReport& report) {
  return {{"from", report.from.str()},     {"to", report.to.str()},
          {"median_us", report.median_us}, {"deviation_us", report.deviation_us},
          {"samples", report.samples},     {"lost", report.lost},
          {"error", report.error}};
}

Json to_json(const StateReport& report) {
  Json workloads = Json::array();
  for (const Workload& workload : report.workloads) {
    workloads.push_back({{"namespace", workload.name_space.str()},
                         {"service", workload.service.str()},
                         {"instances", workload.instances}});
  }
  const std::string_view outcome = !report.changed  ? "unchanged"
                                   : report.preview ? "preview"
                                                    : "changed";
  return {{"outcome", outcome},
          {"machine", to_json(report.machine)},
          {"workloads", std::move(workloads)}};
}

Json to_json(const EndpointReport& report) {
  return {{"kind", report.kind}, {"service", report.service.str()}, {"where", report.where}};
}

Json to_json(const NamespaceReport& report) {
  Json out = to_json(report.newest);
  out["endpoints"] = list_of(report.endpoints);
  return out;
}

Json to_json(const InstanceReport& report) {
  Json out = to_json(report.found);
  out["machine"] = report.machine.str();
  out["machine_name"] = report.machine_name;
  out["image"] = report.image;
  out["committed"] = report.committed;
  return out;
}

Json to_json(const VolumeReport& report) {
  Json out = to_json(report.dataset);
  out["machine"] = report.machine.str();
  out["machine_name"] = report.machine_name;
  out["referenced"] = !report.volume.empty();
  out["namespace"] = report.volume.empty() ? report.dataset.spec.name_space.str()
                                           : report.name_space.str();
  out["volume"] = report.volume.empty() ? report.dataset.spec.volume.str() : report.volume.str();
  return out;
}

Json to_json(const VolumesReport& report) {
  Json volumes = Json::array();
  for (const VolumeReport& each : report.volumes) volumes.push_back(to_json(each));
  return {{"volumes", std::move(volumes)}, {"silent", report.silent}};
}

Json to_json(const LogChunk& chunk) {
  return {{"instance", chunk.instance.str()}, {"text", chunk.text}};
}

Json to_json(const ExecRequest& request) {
  return {{"instance", request.instance.str()},
          {"command", request.command},
          {"timeout_ms", request.timeout_ms}};
}

Json to_json(const ExecResult& result) {
  return {{"exit_code", result.exit_code}, {"output", result.output}};
}

Json to_json(const ImageInfo& image) {
  return {{"id", image.id},
          {"references", image.references},
          {"layers", image.layers},
          {"size_bytes", image.size_bytes}};
}

Json to_json(const DistributeRequest& request) {
  Json to = Json::array();
  for (const MachineId& machine : request.to) to.push_back(machine.str());
  return {{"reference", request.reference}, {"from", request.from.str()}, {"to", std::move(to)}};
}

Json to_json(const DistributeReport& report) {
  const char* outcome = report.error ? "failed" : report.had_it ? "unchanged" : "sent";
  return {{"machine", report.machine.str()},
          {"machine_name", report.machine_name},
          {"outcome", outcome},
          {"sent_bytes", report.sent_bytes},
          {"layers_sent", report.layers_sent},
          {"error", report.error ? error_to_json(*report.error) : Json()}};
}

Json to_json(const ImageStatus& status) {
  return {{"machine", status.machine.str()},
          {"machine_name", status.machine_name},
          {"image_id", status.image_id},
          {"present", !status.image_id.empty()},
          {"error", status.silent ? error_to_json(*status.silent) : Json()}};
}

Result<DistributeRequest> distribute_request_from_json(const Json& json) {
  TRY(only_fields(json, {"reference", "from", "to"}));
  DistributeRequest request;
  request.reference = TRY(get_string(json, "reference"));
  request.from = MachineId(TRY(get_string_or(json, "from", "")));
  for (std::string& machine : TRY(get_strings(json, "to"))) request.to.emplace_back(machine);
  if (request.reference.empty()) return fail(Code::invalid, "'reference' is empty");
  return request;
}

Result<MeshInitRequest> mesh_init_request_from_json(const Json& json) {
  TRY(only_fields(json, {"name"}));
  MeshInitRequest request{TRY(get_string(json, "name"))};
  TRY(check_dns_label(request.name, "network name"));
  return request;
}

Result<AdmitRequest> admit_request_from_json(const Json& json) {
  TRY(only_fields(json, {"record", "name"}));
  AdmitRequest request{TRY(self_record_from_json(TRY(get_object(json, "record")))),
                       TRY(get_string_or(json, "name", ""))};
  if (!is_ulid(request.record.id.str()))
    return fail(Code::invalid, "'record.id' is not a machine id");
  TRY(check_dns_label(request.name.empty() ? request.record.name : request.name, "machine name"));
  return request;
}

Result<InviteRequest> invite_request_from_json(const Json& json) {
  TRY(only_fields(json, {"name", "ttl_ms"}));
  return InviteRequest{TRY(get_string_or(json, "name", "")),
                       TRY(get_uint_or(json, "ttl_ms", kInviteMs))};
}

Result<ExecRequest> exec_request_from_json(const Json& json) {
  TRY(only_fields(json, {"instance", "command", "timeout_ms"}));
  ExecRequest request;
  request.instance = InstanceId(TRY(get_string(json, "instance")));
  request.command = TRY(get_strings(json, "command"));
  request.timeout_ms = TRY(get_uint_or(json, "timeout_ms", request.timeout_ms));
  if (request.command.empty() || request.command.front().empty())
    return fail(Code::invalid, "'command' is empty");
  return request;
}

}  // namespace ployz

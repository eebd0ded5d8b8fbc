#include "ports/step_request.h"

#include <format>
#include <utility>

namespace ployz {
namespace {

constexpr int kStepRequestVersion = 1;

std::string_view to_string(StepVerb verb) { return verb == StepVerb::apply ? "apply" : "undo"; }

Result<StepVerb> parse_verb(std::string_view text) {
  if (text == "apply") return StepVerb::apply;
  if (text == "undo") return StepVerb::undo;
  return fail(Code::invalid, std::format("unknown step verb '{}'", text));
}

Status check_version(const Json& json) {
  const uint64_t version = TRY(get_uint(json, "version"));
  if (version == kStepRequestVersion) return {};
  return fail(Code::unsupported,
              std::format("the request has version {}, this build speaks {}", version,
                          kStepRequestVersion),
              "update the machine with: ployzctl machine update");
}

Json claim_to_json(const Claim& claim) {
  return {{"machine", claim.machine.str()}, {"addresses", claim.addresses},
          {"host_ports", claim.host_ports}, {"image_ids", claim.image_ids},
          {"pulls", claim.pulls},           {"needs_router", claim.needs_router}};
}

Result<Claim> claim_from_json(const Json& json) {
  Claim claim;
  claim.machine = MachineId(TRY(get_string(json, "machine")));
  claim.addresses = TRY(get_strings(json, "addresses"));
  claim.image_ids = TRY(get_strings(json, "image_ids"));
  claim.pulls = TRY(get_strings(json, "pulls"));
  claim.needs_router = TRY(get_bool(json, "needs_router"));
  for (const Json& port : TRY(get_array_or_empty(json, "host_ports"))) {
    if (!port.is_number_unsigned() || port.get<uint64_t>() > 65535) {
      return fail(Code::invalid, "field 'host_ports' must hold port numbers");
    }
    claim.host_ports.push_back(port.get<uint16_t>());
  }
  return claim;
}

}  // namespace

Json to_json(const StepRequest& request) {
  Json json = {{"version", kStepRequestVersion},
               {"operation", request.operation.str()},
               {"attempt", request.attempt},
               {"step", request.step.str()},
               {"verb", to_string(request.verb)},
               {"index", request.index},
               {"action", to_json(request.action)}};
  if (request.candidate) json["candidate"] = to_json(*request.candidate);
  return json;
}

Result<StepRequest> step_request_from_json(const Json& json) {
  TRY(check_version(json));
  StepRequest request;
  request.operation = OperationId(TRY(get_string(json, "operation")));
  request.attempt = TRY(get_uint(json, "attempt"));
  request.step = StepId(TRY(get_string(json, "step")));
  request.verb = TRY(parse_verb(TRY(get_string(json, "verb"))));
  request.index = TRY(get_uint(json, "index"));
  request.action = TRY(action_from_json(TRY(get_object(json, "action"))));
  if (json.contains("candidate")) {
    request.candidate = TRY(commit_from_json(TRY(get_object(json, "candidate"))));
  }
  return request;
}

Json to_json(const ProbeRequest& request) {
  return {{"version", kStepRequestVersion},
          {"operation", request.operation.str()},
          {"attempt", request.attempt},
          {"claim", claim_to_json(request.claim)}};
}

Result<ProbeRequest> probe_request_from_json(const Json& json) {
  TRY(check_version(json));
  ProbeRequest request;
  request.operation = OperationId(TRY(get_string(json, "operation")));
  request.attempt = TRY(get_uint(json, "attempt"));
  request.claim = TRY(claim_from_json(TRY(get_object(json, "claim"))));
  return request;
}

Json to_json(const FactsRequest& request) {
  return {{"version", kStepRequestVersion}, {"images", request.images}};
}

Result<FactsRequest> facts_request_from_json(const Json& json) {
  TRY(check_version(json));
  return FactsRequest{TRY(get_strings(json, "images"))};
}

Json to_json(const FlipRequest& request) {
  return {{"version", kStepRequestVersion},
          {"namespace", request.name_space.str()},
          {"sequence", request.sequence}};
}

Result<FlipRequest> flip_request_from_json(const Json& json) {
  TRY(check_version(json));
  return FlipRequest{NamespaceName(TRY(get_string(json, "namespace"))),
                     TRY(get_uint(json, "sequence"))};
}

}  // namespace ployz

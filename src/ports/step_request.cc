#include "ports/step_request.h"

#include <format>

namespace ployz {
namespace {

Json envelope() { return {{"version", 1}}; }

Status check_version(const Json& json) {
  const uint64_t version = TRY(get_uint(json, "version"));
  if (version == 1) return {};
  return fail(Code::unsupported, std::format("a request of version {}, this build knows 1", version),
              "the machines run different versions of Ployz");
}

std::string_view name_of(StepVerb verb) { return verb == StepVerb::undo ? "undo" : "apply"; }

Result<StepVerb> parse_verb(std::string_view text) {
  if (text == "apply") return StepVerb::apply;
  if (text == "undo") return StepVerb::undo;
  return fail(Code::invalid, std::format("unknown verb '{}'", text));
}

}  // namespace

Json to_json(const StepRequest& request) {
  Json json = envelope();
  json["operation"] = request.operation.str();
  json["attempt"] = request.attempt;
  json["step"] = request.step.str();
  json["verb"] = name_of(request.verb);
  json["index"] = request.index;
  json["action"] = to_json(request.action);
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
  Json json = envelope();
  json["operation"] = request.operation.str();
  json["attempt"] = request.attempt;
  json["claim"] = to_json(request.claim);
  return json;
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
  Json json = envelope();
  json["images"] = request.images;
  return json;
}

Result<FactsRequest> facts_request_from_json(const Json& json) {
  TRY(check_version(json));
  return FactsRequest{TRY(get_strings(json, "images"))};
}

Json to_json(const FlipRequest& request) {
  Json json = envelope();
  json["namespace"] = request.name_space.str();
  json["sequence"] = request.sequence;
  return json;
}

Result<FlipRequest> flip_request_from_json(const Json& json) {
  TRY(check_version(json));
  return FlipRequest{NamespaceName(TRY(get_string(json, "namespace"))),
                     TRY(get_uint(json, "sequence"))};
}

}  // namespace ployz

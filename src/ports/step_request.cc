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

Json to_json(const StreamTicket& ticket) {
  return {{"address", ticket.address}, {"key", ticket.key}};
}

Result<StreamTicket> stream_ticket_from_json(const Json& json) {
  return StreamTicket{TRY(get_string(json, "address")), TRY(get_string(json, "key"))};
}

Json to_json(const DatasetOfferRequest& request) {
  Json json = envelope();
  json["operation"] = request.operation.str();
  json["dataset"] = request.dataset.str();
  json["snapshot"] = request.snapshot.str();
  return json;
}

Result<DatasetOfferRequest> dataset_offer_request_from_json(const Json& json) {
  TRY(check_version(json));
  return DatasetOfferRequest{OperationId(TRY(get_string(json, "operation"))),
                             DatasetId(TRY(get_string(json, "dataset"))),
                             SnapshotName(TRY(get_string(json, "snapshot")))};
}

Json to_json(const StepRequest& request) {
  Json json = envelope();
  json["operation"] = request.operation.str();
  json["attempt"] = request.attempt;
  json["step"] = request.step.str();
  json["verb"] = name_of(request.verb);
  json["index"] = request.index;
  json["action"] = to_json(request.action);
  if (request.candidate) json["candidate"] = to_json(*request.candidate);
  if (request.ticket) json["ticket"] = to_json(*request.ticket);
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
  if (json.contains("ticket")) {
    request.ticket = TRY(stream_ticket_from_json(TRY(get_object(json, "ticket"))));
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
  json["datasets"] = request.datasets;
  return json;
}

Result<FactsRequest> facts_request_from_json(const Json& json) {
  TRY(check_version(json));
  return FactsRequest{TRY(get_strings(json, "images")), TRY(get_bool_or(json, "datasets", false))};
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

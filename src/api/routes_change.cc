// Handlers of calls that change something: they start the call, then tell its events as lines.
#include <format>

#include "api/routes.h"

namespace ployz {
namespace {

void tell(RouteContext& c, LiveOperation& live) {
  for (size_t index = 0;; ++index) {
    const auto event = live.event(index);
    if (!event) break;
    if (!c.response.line(to_json(*event))) return;  // the call goes on without a listener
  }
  auto result = live.result();
  (void)c.response.line(result ? Json{{"result", *result}}
                               : error_document(c.service.explain(std::move(result).error())));
}

Result<Json> document_of(Result<Operation> operation) {
  return to_json(TRY(std::move(operation)), false);
}

Result<OperationId> operation_id_of(RouteContext& c) {
  TRY(check_dns_label(c.params.at(0), "operation id"));
  return OperationId(c.params.at(0));
}

}  // namespace

Status run_call(RouteContext& context, LiveOperations::Call call) {
  auto live = TRY(context.live.start(std::move(call)));
  tell(context, *live);
  return {};
}

Result<DeployRequest> deploy_request_of(const ApiRequest& request) {
  if (request.body.size() > kMaxBodyBytes)
    return fail(Code::invalid,
                std::format("the manifest is larger than {} bytes", kMaxManifestBytes));
  DeployRequest out;
  out.whole_namespace = TRY(query_bool(request, "whole", true));
  if (const std::string state = query_text(request, "state"); !state.empty()) {
    auto parsed = parse_rollback_data(state);
    if (!parsed) return fail(std::move(parsed).error().at("state"));
    out.state = *parsed;
  }
  if (request.content_type == kCanonicalManifest) {
    out.manifest = TRY(manifest_from_json(TRY(parse_json(request.body))));
    TRY(validate(out.manifest));
    return out;
  }
  std::string file = query_text(request, "file");
  if (file.empty()) file = "<manifest>";
  out.manifest = TRY(parse_manifest(request.body, file));
  return out;
}

namespace handlers {

Status mesh_init(RouteContext& c) {
  auto request = TRY(mesh_init_request_from_json(TRY(parse_json(c.request.body))));
  return run_call(
      c, [&service = c.service, request](const EventSink& events, std::stop_token) -> Result<Json> {
        return to_json(TRY(service.mesh_init(request, events)));
      });
}

Status deploy(RouteContext& c) {
  auto request = TRY(deploy_request_of(c.request));
  return run_call(c, [&service = c.service, request = std::move(request)](const EventSink& events,
                                                                          std::stop_token cancel) {
    return document_of(service.deploy(request, events, cancel));
  });
}

Status namespace_rm(RouteContext& c) {
  NamespaceRmRequest request;
  TRY(check_dns_label(c.params.at(0), "namespace name"));
  request.name_space = NamespaceName(c.params.at(0));
  request.volumes = TRY(query_bool(c.request, "volumes", false));
  return run_call(c,
                  [&service = c.service, request](const EventSink& events, std::stop_token cancel) {
                    return document_of(service.namespace_rm(request, events, cancel));
                  });
}

Status image_distribute(RouteContext& c) {
  auto request = TRY(distribute_request_from_json(TRY(parse_json(c.request.body))));
  return run_call(c, [&service = c.service, request = std::move(request)](
                    const EventSink& events, std::stop_token cancel) -> Result<Json> {
    Json machines = Json::array();
    bool failed = false;
    for (const auto& report : TRY(service.image_distribute(request, events, cancel))) {
      failed = failed || report.error;
      machines.push_back(to_json(report));
    }
    return Json{{"reference", request.reference},
                {"outcome", failed ? "failed" : "distributed"},
                {"machines", std::move(machines)}};
  });
}

Status operation_resume(RouteContext& c) {
  const auto id = TRY(operation_id_of(c));
  if (auto live = c.live.find(id)) {  // it runs: following it is resuming it
    tell(c, *live);
    return {};
  }
  return run_call(c, [&service = c.service, id](const EventSink& events, std::stop_token cancel) {
    return document_of(service.resume(id, events, cancel));
  });
}

Status operation_abort(RouteContext& c) {
  const auto id = TRY(operation_id_of(c));
  if (auto live = c.live.find(id)) {
    live->abort();
    tell(c, *live);
    return {};
  }
  return run_call(c, [&service = c.service, id](const EventSink& events, std::stop_token) {
    return document_of(service.abort(id, events));
  });
}

Status operation_events(RouteContext& c) {
  const auto id = TRY(operation_id_of(c));
  if (auto live = c.live.find(id)) {
    tell(c, *live);
    return {};
  }
  const auto operation = TRY(c.service.operation(id));
  (void)c.response.line(Json{{"result", to_json(operation, false)}});
  return {};
}

}  // namespace handlers
}  // namespace ployz

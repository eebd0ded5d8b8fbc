// Handlers of everything that moves data: branch, promote, rollback, migrate, volumes, prepared plans.
#include <format>

#include "api/routes.h"
#include "base/ulid.h"

namespace ployz {
namespace {

constexpr uint64_t kPreparedMs = 15 * 60'000;  // unless asked otherwise

Result<ChangeRequest> change_request_of(RouteContext& c) {
  return change_request_from_json(TRY(parse_json(c.request.body)));
}

}  // namespace

namespace handlers {

Status change_preview(RouteContext& c) {
  c.response.reply(200, preview_to_json(TRY(c.service.change_preview(TRY(change_request_of(c))))));
  return {};
}

Status change(RouteContext& c) {
  auto request = TRY(change_request_of(c));
  return run_call(c, [&service = c.service, request = std::move(request)](
                         const EventSink& events, std::stop_token cancel) -> Result<Json> {
    return to_json(TRY(service.change(request, events, cancel)), false);
  });
}

Status prepare(RouteContext& c) {
  const uint64_t ttl_ms = TRY(query_uint(c.request, "ttl_ms", kPreparedMs, 7ull * 86'400'000));
  const PreparedReport prepared =
      TRY(c.service.prepare(TRY(change_request_of(c)), ttl_ms));
  Json document = preview_to_json(prepared.plan);
  document["outcome"] = "prepared";
  document["prepared_deploy_id"] = prepared.id.str();
  document["expires_at_ms"] = prepared.expires_at_ms;
  c.response.reply(200, document);
  return {};
}

Status apply_prepared(RouteContext& c) {
  if (!is_ulid(c.params.at(0)))
    return fail(Code::invalid, std::format("'{}' is no id of a prepared plan", c.params.at(0)),
                "ployzctl branch prepare prints it");
  const OperationId id(c.params.at(0));
  return run_call(c, [&service = c.service, id](const EventSink& events,
                                                std::stop_token cancel) -> Result<Json> {
    return to_json(TRY(service.apply_prepared(id, events, cancel)), false);
  });
}

Status volumes(RouteContext& c) {
  const std::string name = query_text(c.request, "namespace");
  const NamespaceName wanted = name.empty() ? NamespaceName() : TRY(namespace_of(name));
  return reply_read(c, [&](ApiService& service) -> Result<Json> {
    return to_json(TRY(service.volumes(wanted)));
  });
}

Status manifest(RouteContext& c) {
  c.response.reply(200,
                   {{"manifest", to_json(TRY(c.service.manifest_of(TRY(namespace_of(c.params.at(0))))))}});
  return {};
}

}  // namespace handlers
}  // namespace ployz

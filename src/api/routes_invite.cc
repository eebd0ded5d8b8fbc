// Handlers of invites and of the machine that comes by one. The token is in bodies and in no path:
// paths may be logged.
#include "api/routes.h"
#include "base/ulid.h"

namespace ployz {
namespace {

Result<JoinToken> token_of(RouteContext& c) {
  const Json body = TRY(parse_json(c.request.body));
  return decode_join_token(TRY(get_string(body, "token")));
}

void reply_invite(RouteContext& c, std::string_view outcome, const InviteReport& report) {
  Json document{{"outcome", outcome}, {"invite", to_json(report)}};
  if (!report.token.empty()) document["token"] = report.token;
  c.response.reply(200, document);
}

}  // namespace

namespace handlers {

Status invite_create(RouteContext& c) {
  const auto request = TRY(invite_request_from_json(TRY(parse_json(c.request.body))));
  reply_invite(c, "created", TRY(c.service.invite_create(request)));
  return {};
}

Status invites(RouteContext& c) {
  return reply_read(c, [](ApiService& service) -> Result<Json> {
    Json list = Json::array();
    for (const InviteReport& report : TRY(service.invites())) list.push_back(to_json(report));
    return Json{{"invites", std::move(list)}};
  });
}

Status invite_revoke(RouteContext& c) {
  if (!is_ulid(c.params.at(0))) {
    return fail(Code::invalid, "that is not an invite's id", "ployzctl machine invite list");
  }
  reply_invite(c, "revoked", TRY(c.service.invite_revoke(InviteId(c.params.at(0)))));
  return {};
}

Status invite_import(RouteContext& c) {
  reply_invite(c, "imported", TRY(c.service.invite_import(TRY(token_of(c)))));
  return {};
}

Status mesh_join_by_token(RouteContext& c) {
  auto token = TRY(token_of(c));
  return run_call(c,
                  [&service = c.service, token = std::move(token)](
                      const EventSink& events, std::stop_token) -> Result<Json> {
                    return to_json(TRY(service.mesh_join_by_token(token, events)));
                  });
}

}  // namespace handlers
}  // namespace ployz

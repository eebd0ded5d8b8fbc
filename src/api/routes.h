// The HTTP API: which request is which call of ApiService. docs/cli/api.md lists it for people.
//
// Reads answer one JSON document. Calls that change something answer application/x-ndjson: one
// Event a line, and last {"result": …} or {"error": …}; the call goes on when the client leaves.
// Errors before that: {"error": {code, message, hint, details}} with an HTTP status.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "api/live_operations.h"
#include "api/service.h"

namespace ployz {

struct RouteContext {
  ApiService& service;
  LiveOperations& live;
  const ApiRequest& request;
  ApiResponse& response;
  std::vector<std::string> params;  // what stood where the pattern has "*"
};

struct ApiRoute {
  std::string_view method;
  std::string_view pattern;  // "/v1/operations/*/events"
  bool streams_body = false;
  Status (*handle)(RouteContext& context);  // an Error that is returned becomes the reply
};

// Every route, in no order: patterns do not overlap.
[[nodiscard]] std::span<const ApiRoute> api_routes();

// `params` receives what matched "*". `not_found` without such a path; `unsupported` with the
// allowed methods in the hint when only the method is wrong.
[[nodiscard]] Result<const ApiRoute*> find_route(std::string_view method, std::string_view path,
                                                 std::vector<std::string>& params);

// Runs the handler; every outcome ends in `response`.
void serve_route(const ApiRoute& route, RouteContext& context);

// Starts the call, tells its events as lines, then how it ended. The call goes on without a listener.
[[nodiscard]] Status run_call(RouteContext& context, LiveOperations::Call call);

// Replies what `read` makes of the service; where the store does not answer, what it makes of this
// machine's copy of it, if there is one, with "as_of". The store's error stands when that fails too.
[[nodiscard]] Status reply_read(RouteContext& context,
                                const std::function<Result<Json>(ApiService&)>& read);

// `invalid`: that is no name of a namespace.
[[nodiscard]] Result<NamespaceName> namespace_of(std::string_view text);

namespace handlers {  // routes_read.cc, routes_data.cc, routes_change.cc, routes_machine.cc, routes_stream.cc
Status status(RouteContext& c);
Status mesh(RouteContext& c);
Status machines(RouteContext& c);
Status namespaces(RouteContext& c);
Status namespace_inspect(RouteContext& c);
Status log(RouteContext& c);
Status show(RouteContext& c);
Status instances(RouteContext& c);
Status operations(RouteContext& c);
Status operation(RouteContext& c);
Status images(RouteContext& c);
Status image(RouteContext& c);
Status deploy_preview(RouteContext& c);
Status namespace_rm_preview(RouteContext& c);
Status mesh_init(RouteContext& c);
Status deploy(RouteContext& c);
Status namespace_rm(RouteContext& c);
Status operation_resume(RouteContext& c);
Status operation_abort(RouteContext& c);
Status operation_events(RouteContext& c);
Status self_record(RouteContext& c);
Status machine_rtt(RouteContext& c);
Status doctor(RouteContext& c);
Status doctor_fix(RouteContext& c);
Status machine_admit(RouteContext& c);
Status machine_activate(RouteContext& c);
Status machine_withdraw(RouteContext& c);
Status machine_standby(RouteContext& c);
Status machine_in_service(RouteContext& c);
Status machine_drain_preview(RouteContext& c);
Status machine_drain(RouteContext& c);
Status storage_promote(RouteContext& c);
Status machine_update(RouteContext& c);
Status machine_removal_preview(RouteContext& c);
Status machine_remove(RouteContext& c);
Status storage_recover(RouteContext& c);
Status mesh_join(RouteContext& c);
Status mesh_join_by_token(RouteContext& c);
Status invite_create(RouteContext& c);
Status invites(RouteContext& c);
Status invite_revoke(RouteContext& c);
Status invite_import(RouteContext& c);
Status mesh_stop(RouteContext& c);
Status mesh_start(RouteContext& c);
Status mesh_destroy(RouteContext& c);
Status change_preview(RouteContext& c);
Status change(RouteContext& c);
Status prepare(RouteContext& c);
Status apply_prepared(RouteContext& c);
Status volumes(RouteContext& c);
Status manifest(RouteContext& c);
Status image_load(RouteContext& c);
Status package_take(RouteContext& c);
Status image_distribute(RouteContext& c);
Status image_status(RouteContext& c);
Status logs(RouteContext& c);
Status exec(RouteContext& c);
}  // namespace handlers

// The DeployRequest of a body (also the entry of the fuzzer). Content type
// application/vnd.ployz.manifest+json is canonical JSON; everything else is a manifest as people
// write it, `file` naming it in messages. Query: file, whole (default true).
[[nodiscard]] Result<DeployRequest> deploy_request_of(const ApiRequest& request);

// What a preview answers: the plan's changes and steps, without environment.
[[nodiscard]] Json preview_to_json(const Plan& plan);

}  // namespace ployz

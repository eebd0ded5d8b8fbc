#include "api/routes.h"

#include <format>

namespace ployz {
namespace {

constexpr ApiRoute kRoutes[] = {
    {"GET", "/v1/status", false, handlers::status},
    {"GET", "/v1/mesh", false, handlers::mesh},
    {"POST", "/v1/mesh/init", false, handlers::mesh_init},
    {"GET", "/v1/machines", false, handlers::machines},
    {"GET", "/v1/machines/self", false, handlers::self_record},
    {"POST", "/v1/machines/admit", false, handlers::machine_admit},
    {"POST", "/v1/machines/*/activate", false, handlers::machine_activate},
    {"DELETE", "/v1/machines/*/admission", false, handlers::machine_withdraw},
    {"POST", "/v1/machines/*/standby", false, handlers::machine_standby},
    {"POST", "/v1/machines/*/in-service", false, handlers::machine_in_service},
    {"GET", "/v1/machines/*/drain", false, handlers::machine_drain_preview},
    {"POST", "/v1/machines/*/drain", false, handlers::machine_drain},
    {"POST", "/v1/storage/promote", false, handlers::storage_promote},
    {"POST", "/v1/storage/recover", false, handlers::storage_recover},
    {"POST", "/v1/machines/update", false, handlers::machine_update},
    {"POST", "/v1/packages", true, handlers::package_take},
    {"GET", "/v1/machines/*/removal", false, handlers::machine_removal_preview},
    {"POST", "/v1/machines/*/removal", false, handlers::machine_remove},
    {"POST", "/v1/mesh/join", false, handlers::mesh_join},
    {"POST", "/v1/mesh/join-by-token", false, handlers::mesh_join_by_token},
    {"POST", "/v1/invites", false, handlers::invite_create},
    {"GET", "/v1/invites", false, handlers::invites},
    {"DELETE", "/v1/invites/*", false, handlers::invite_revoke},
    {"POST", "/v1/invites/import", false, handlers::invite_import},
    {"POST", "/v1/mesh/stop", false, handlers::mesh_stop},
    {"POST", "/v1/mesh/start", false, handlers::mesh_start},
    {"POST", "/v1/mesh/destroy", false, handlers::mesh_destroy},
    {"GET", "/v1/rtt", false, handlers::machine_rtt},
    {"GET", "/v1/doctor", false, handlers::doctor},
    {"POST", "/v1/doctor/fix", false, handlers::doctor_fix},
    {"POST", "/v1/deploy", false, handlers::deploy},
    {"POST", "/v1/deploy/preview", false, handlers::deploy_preview},
    {"POST", "/v1/changes", false, handlers::change},
    {"POST", "/v1/changes/preview", false, handlers::change_preview},
    {"POST", "/v1/changes/prepare", false, handlers::prepare},
    {"POST", "/v1/prepared/*/apply", false, handlers::apply_prepared},
    {"GET", "/v1/volumes", false, handlers::volumes},
    {"GET", "/v1/namespaces/*/manifest", false, handlers::manifest},
    {"GET", "/v1/namespaces", false, handlers::namespaces},
    {"GET", "/v1/namespaces/*", false, handlers::namespace_inspect},
    {"DELETE", "/v1/namespaces/*", false, handlers::namespace_rm},
    {"GET", "/v1/namespaces/*/rm-preview", false, handlers::namespace_rm_preview},
    {"GET", "/v1/namespaces/*/commits", false, handlers::log},
    {"GET", "/v1/commits/*", false, handlers::show},
    {"GET", "/v1/instances", false, handlers::instances},
    {"GET", "/v1/operations", false, handlers::operations},
    {"GET", "/v1/operations/*", false, handlers::operation},
    {"GET", "/v1/operations/*/events", false, handlers::operation_events},
    {"POST", "/v1/operations/*/resume", false, handlers::operation_resume},
    {"POST", "/v1/operations/*/abort", false, handlers::operation_abort},
    {"GET", "/v1/images", false, handlers::images},
    {"GET", "/v1/images/inspect", false, handlers::image},
    {"POST", "/v1/images/load", true, handlers::image_load},
    {"POST", "/v1/images/distribute", false, handlers::image_distribute},
    {"GET", "/v1/images/status", false, handlers::image_status},
    {"GET", "/v1/logs", false, handlers::logs},
    {"POST", "/v1/exec", false, handlers::exec},
};

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(std::min<size_t>(path.size(), 1));  // the slash
  const size_t end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>& params) {
  params.clear();
  while (!pattern.empty() && !path.empty()) {
    const auto want = next_segment(pattern);
    const auto have = next_segment(path);
    if (want == "*") {
      if (have.empty()) return false;
      params.emplace_back(have);
    } else if (want != have) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::span<const ApiRoute> api_routes() {
  return kRoutes;
}

Result<const ApiRoute*> find_route(std::string_view method, std::string_view path,
                                   std::vector<std::string>& params) {
  std::string allowed;
  for (const ApiRoute& route : kRoutes) {
    if (!matches(route.pattern, path, params)) continue;
    if (route.method == method) return &route;
    allowed += std::format("{}{}", allowed.empty() ? "" : ", ", route.method);
  }
  if (!allowed.empty())
    return fail(Code::unsupported, std::format("{} is not possible on {}", method, path),
                std::format("allowed: {}", allowed));
  return fail(
      Code::not_found, std::format("the API has no {}", path),
      "client and daemon may be of different versions: ployzctl --version, ployzctl status");
}

void serve_route(const ApiRoute& route, RouteContext& context) {
  auto done = route.handle(context);
  if (!done) reply_error(context.response, context.service.explain(std::move(done).error()));
}

}  // namespace ployz

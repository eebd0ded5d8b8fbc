#include "router/pass.h"

#include <format>
#include <utility>

#include "router/projection.h"

namespace ployz {

void Pass::take_backends(const PassInput& input, PassResult& result) {
  const std::vector<Backend> wanted = project(input.newest, config_).backends;
  Status taken = ports_.gateway.ensure_backends(wanted, input.health);
  if (!taken && taken.error().code == Code::precondition) {
    say(std::format("routing to it all the same, it is committed: {}", taken.error().line()));
    taken = ports_.gateway.ensure_backends(wanted, std::chrono::milliseconds(0));
  }
  if (taken) return;
  // Not all at once: then as many namespaces as possible, so that one cannot hold up the others.
  std::map<NamespaceName, std::vector<Backend>> by_namespace;
  for (const Backend& backend : wanted) by_namespace[backend.key.name_space].push_back(backend);
  for (const auto& [name, backends] : by_namespace) {
    auto status = ports_.gateway.ensure_backends(backends, std::chrono::milliseconds(0));
    if (status) continue;
    say(std::format("{} keeps its old routes: {}", name.str(), status.error().line()));
    result.held_back.emplace(name, std::move(status).error());
    if (const auto old = input.served.find(name); old != input.served.end()) {
      result.shown[name] = old->second;
    } else {
      result.shown.erase(name);
    }
  }
}

PassResult Pass::run(const PassInput& input) {
  PassResult result;
  result.shown = input.newest;
  take_backends(input, result);
  Projection projection = project(result.shown, config_);
  // Without the cache the traffic is as right as with it; only a start without the store is not.
  if (auto saved = ports_.cache.save(input.newest); !saved) {
    say(std::format("cannot save the cache: {}", saved.error().line()));
  }
  result.gateway = ports_.gateway.commit_routes(projection.routes);
  if (!result.gateway) say(std::format("gateway: {}", result.gateway.error().line()));
  result.dns = ports_.dns.replace(projection.records);
  if (!result.dns) say(std::format("dns: {}", result.dns.error().line()));
  result.routes = std::move(projection.routes);
  return result;
}

}  // namespace ployz

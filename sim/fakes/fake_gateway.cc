#include "sim/fakes/fake_gateway.h"

#include <algorithm>
#include <format>
#include <thread>

namespace ployz::sim {
namespace {

constexpr std::chrono::milliseconds kCheckInterval(50);

std::unexpected<Error> failed(Fate fate) {
  if (fate == Fate::refused) return fail(Code::unavailable, "the gateway does not answer");
  return fail(Code::timeout, "the gateway did not answer in time", "", Effect::unknown);
}

bool happens(Fate fate) { return fate == Fate::normal || fate == Fate::reply_lost; }

std::string name_of(const BackendKey& key) {
  return std::format("{}/{}:{}", key.name_space.str(), key.service.str(), key.port);
}

}  // namespace

Status FakeGateway::ensure_backends(const std::vector<Backend>& backends,
                                    std::chrono::milliseconds timeout) {
  const Fate fate = hook_.enter("gateway.ensure", std::to_string(backends.size()), Kind::local);
  if (!happens(fate)) return failed(fate);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::vector<Backend> missing;
  {
    const std::lock_guard lock(mutex_);
    for (const Backend& backend : backends) {
      const auto it = taken_.find(backend.key);
      if (it == taken_.end() || !(it->second == backend)) missing.push_back(backend);
    }
  }
  for (const Backend& backend : missing) {
    if (timeout.count() == 0) break;  // of a commit: taken as they are
    for (const std::string& server : backend.servers) {
      while (!serves_(server.substr(0, server.rfind(':')))) {
        if (std::chrono::steady_clock::now() >= deadline) {
          return fail(Code::precondition, std::format("server {} of {} does not answer", server,
                                                      name_of(backend.key)));
        }
        std::this_thread::sleep_for(kCheckInterval);
      }
    }
  }
  {
    const std::lock_guard lock(mutex_);
    if (taken_.size() + missing.size() > kSlots) {
      return fail(Code::unavailable, "no free slot in the gateway");
    }
    for (const Backend& backend : missing) taken_[backend.key] = backend;
  }
  if (fate != Fate::normal) return failed(fate);
  hook_.leave("gateway.ensure", "taken");
  return {};
}

Status FakeGateway::await_backends(const std::vector<BackendKey>& keys,
                                   std::chrono::milliseconds timeout) {
  const Fate fate = hook_.enter("gateway.await", std::to_string(keys.size()), Kind::local);
  if (!happens(fate)) return failed(fate);
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::vector<std::string> servers;
  {
    const std::lock_guard lock(mutex_);
    for (const BackendKey& key : keys) {
      const auto it = taken_.find(key);
      if (it == taken_.end()) continue;
      std::ranges::copy(it->second.servers, std::back_inserter(servers));
    }
  }
  for (const std::string& server : servers) {
    while (!serves_(server.substr(0, server.rfind(':')))) {
      if (std::chrono::steady_clock::now() >= deadline) {
        return fail(Code::precondition, std::format("server {} does not answer", server));
      }
      std::this_thread::sleep_for(kCheckInterval);
    }
  }
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& server : servers) down_.erase(server.substr(0, server.rfind(':')));
  }
  if (fate != Fate::normal) return failed(fate);
  hook_.leave("gateway.await", "healthy");
  return {};
}

void FakeGateway::check_failed(const std::string& address) {
  const std::lock_guard lock(mutex_);
  down_.insert(address);
}

std::vector<std::string> FakeGateway::out_of_use(const NamespaceName& name_space) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> servers;
  for (const auto& [key, backend] : taken_) {
    if (key.name_space != name_space || !is_routed_locked(key)) continue;
    for (const std::string& server : backend.servers) {
      const std::string address = server.substr(0, server.rfind(':'));
      if (down_.contains(address) && serves_(address)) servers.push_back(server);
    }
  }
  return servers;
}

bool FakeGateway::is_routed_locked(const BackendKey& key) const {
  return std::ranges::any_of(routes_.hosts,
                             [&](const HostRoute& route) { return route.backend == key; }) ||
         std::ranges::any_of(routes_.ports,
                             [&](const auto& entry) { return entry.second == key; });
}

Status FakeGateway::commit_routes(const RouteTable& table) {
  const Fate fate = hook_.enter("gateway.commit", std::to_string(table.hosts.size()), Kind::local);
  if (!happens(fate)) return failed(fate);
  std::function<void(const RouteTable&)> on_switch;
  {
    const std::lock_guard lock(mutex_);
    std::vector<BackendKey> named;
    for (const HostRoute& route : table.hosts) named.push_back(route.backend);
    for (const auto& [port, key] : table.ports) named.push_back(key);
    for (const BackendKey& key : named) {
      if (taken_.contains(key)) continue;
      return fail(Code::precondition, std::format("backend {} has no servers", name_of(key)));
    }
    routes_ = table;
    on_switch = on_switch_;
  }
  if (on_switch) on_switch(table);
  if (fate != Fate::normal) return failed(fate);
  hook_.leave("gateway.commit", "serving");
  return {};
}

Status FakeGateway::retire_backends(const std::vector<BackendKey>& keys,
                                    std::chrono::milliseconds) {
  const Fate fate = hook_.enter("gateway.retire", std::to_string(keys.size()), Kind::local);
  if (!happens(fate)) return failed(fate);
  {
    const std::lock_guard lock(mutex_);
    for (const BackendKey& key : keys) {
      if (!is_routed_locked(key)) continue;
      return fail(Code::precondition, std::format("backend {} is routed", name_of(key)));
    }
    for (const BackendKey& key : keys) taken_.erase(key);
  }
  if (fate != Fate::normal) return failed(fate);
  hook_.leave("gateway.retire", "forgotten");
  return {};
}

Result<std::vector<Backend>> FakeGateway::backends() {
  const Fate fate = hook_.enter("gateway.backends", "", Kind::local);
  if (fate != Fate::normal) return failed(Fate::refused);
  return taken();
}

Result<RouteTable> FakeGateway::routes() {
  const Fate fate = hook_.enter("gateway.routes", "", Kind::local);
  if (fate != Fate::normal) return failed(Fate::refused);
  return serving();
}

RouteTable FakeGateway::serving() {
  const std::lock_guard lock(mutex_);
  return routes_;
}

std::vector<Backend> FakeGateway::taken() {
  const std::lock_guard lock(mutex_);
  std::vector<Backend> all;
  for (const auto& [key, backend] : taken_) all.push_back(backend);
  return all;
}

void FakeGateway::on_switch(std::function<void(const RouteTable&)> callback) {
  const std::lock_guard lock(mutex_);
  on_switch_ = std::move(callback);
}

}  // namespace ployz::sim

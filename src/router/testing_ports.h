// The router's surroundings for its unit tests: in memory, with the few faults they need. (The
// simulator has its own; contract suites bind both to the real drivers.)
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "router/router.h"

namespace ployz {

class TestGateway final : public Gateway {
 public:
  Status ensure_backends(const std::vector<Backend>& backends,
                         std::chrono::milliseconds timeout) override {
    const std::lock_guard lock(mutex);
    if (down) return fail(Code::unavailable, "the gateway is down");
    std::map<BackendKey, Backend> next = taken;
    for (const Backend& backend : backends) {
      if (next.contains(backend.key)) continue;
      for (const std::string& server : backend.servers) {
        if (timeout.count() > 0 && dead.contains(server)) {
          return fail(Code::precondition, server + " does not answer");
        }
      }
      next.emplace(backend.key, backend);
    }
    if (next.size() > capacity) return fail(Code::unavailable, "no free slot");
    added += next.size() - taken.size();
    taken = std::move(next);
    return {};
  }
  Status await_backends(const std::vector<BackendKey>& keys, std::chrono::milliseconds) override {
    const std::lock_guard lock(mutex);
    for (const BackendKey& key : keys) {
      const auto found = taken.find(key);
      if (found == taken.end()) continue;
      for (const std::string& server : found->second.servers) {
        if (dead.contains(server)) return fail(Code::precondition, server + " does not answer");
        awaited.insert(server);
      }
    }
    return {};
  }
  Status commit_routes(const RouteTable& routes) override {
    const std::lock_guard lock(mutex);
    if (down) return fail(Code::unavailable, "the gateway is down");
    for (const HostRoute& route : routes.hosts) {
      if (!taken.contains(route.backend)) return fail(Code::precondition, "not ensured");
    }
    table = routes;
    ++commits;
    changed.notify_all();
    return {};
  }
  Status retire_backends(const std::vector<BackendKey>& keys, std::chrono::milliseconds) override {
    const std::lock_guard lock(mutex);
    for (const BackendKey& key : keys) taken.erase(key);
    return {};
  }
  Result<std::vector<Backend>> backends() override {
    const std::lock_guard lock(mutex);
    std::vector<Backend> all;
    for (const auto& [key, backend] : taken) all.push_back(backend);
    return all;
  }
  Result<RouteTable> routes() override {
    const std::lock_guard lock(mutex);
    return table;
  }

  void wait(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(5), holds));
  }
  void expect_quiet() {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(commits, 0u);
  }
  uint64_t sequence(const std::string& name) {
    const std::lock_guard lock(mutex);
    return table.sequences[NamespaceName(name)];
  }
  std::set<std::string> servers() {
    const std::lock_guard lock(mutex);
    std::set<std::string> all;
    for (const auto& [key, backend] : taken) {
      all.insert(backend.servers.begin(), backend.servers.end());
    }
    return all;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<BackendKey, Backend> taken;
  std::set<std::string> dead;
  std::set<std::string> awaited;
  RouteTable table;
  size_t capacity = 100;
  size_t commits = 0;
  size_t added = 0;
  std::atomic<bool> down = false;
};

class TestDns final : public Dns {
 public:
  Status replace(const DnsRecords& records) override {
    shown = records;
    return {};
  }
  Result<DnsRecords> records() override { return shown; }
  DnsRecords shown;
};

class TestCache final : public ProjectionCache {
 public:
  Result<std::map<NamespaceName, CommitEntry>> load() override { return saved; }
  Status save(const std::map<NamespaceName, CommitEntry>& newest) override {
    saved = newest;
    return {};
  }
  std::map<NamespaceName, CommitEntry> saved;
};

class TestClock final : public Clock {
 public:
  uint64_t wall_ms() override { return now; }
  uint64_t steady_ms() override { return now; }
  bool sleep_for(std::chrono::milliseconds, std::stop_token) override { return true; }
  std::atomic<uint64_t> now = 1;
};

struct World {
  std::unique_ptr<Router> start() {
    auto router = std::make_unique<Router>(ClusterConfig{},
                                           Router::Ports{gateway, dns, cache, clock, {}});
    EXPECT_TRUE(router->start());
    return router;
  }
  TestGateway gateway;
  TestDns dns;
  TestCache cache;
  TestClock clock;
};

inline Commit commit(const std::string& name, const std::string& operation,
                     const std::vector<std::string>& addresses) {
  Commit made;
  made.id = CommitId("c-" + operation);
  made.name_space = NamespaceName(name);
  made.operation = OperationId(operation);
  CommittedService web;
  web.service.name = ServiceName("web");
  web.service.container.ports = {{"http", 8080, Protocol::tcp}};
  for (const std::string& address : addresses) {
    web.instances.push_back({InstanceId("i" + address), MachineId("m1"), address});
  }
  made.services.push_back(web);
  return made;
}

inline StoredCommit stored(const Commit& commit, uint64_t sequence) {
  return {sequence, commit.name_space, encode(commit)};
}

// As the request arrives: through text.
inline Result<Json> ask(Router& router, const std::string& command, const Json& request) {
  return router.handle(command, TRY(parse_json(to_text(request))));
}

inline Result<Json> flip(Router& router, const std::string& name, uint64_t sequence) {
  return ask(router, "flip", to_json(FlipRequest{NamespaceName(name), sequence}));
}

inline Result<Json> step(Router& router, const std::string& operation, Action action,
                         std::optional<Commit> candidate = std::nullopt, uint64_t attempt = 1) {
  StepRequest request;
  request.operation = OperationId(operation);
  request.attempt = attempt;
  request.step = StepId("a001");
  request.action = std::move(action);
  request.candidate = std::move(candidate);
  return ask(router, "step", to_json(request));
}

inline Result<Json> prepare(Router& router, const Commit& candidate, uint64_t attempt = 1) {
  return step(router, candidate.operation.str(), PrepareRoutes{}, candidate, attempt);
}
inline Result<Json> discard(Router& router, const std::string& operation) {
  return step(router, operation, DiscardRoutes{});
}
inline Result<Json> drain(Router& router, const std::string& operation, const std::string& name) {
  return step(router, operation, DrainRoutes{NamespaceName(name), std::chrono::seconds(1)});
}

}  // namespace ployz

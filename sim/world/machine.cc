#include "sim/world/machine.h"

#include <format>

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::string_view undone_kind(Mutation mutation) {
  switch (mutation) {
    case Mutation::none: return "";
    case Mutation::run_instance: return "remove_instance";
    case Mutation::stop_instance: return "start_instance";
    case Mutation::prepare_routes: return "discard_routes";
    case Mutation::await_routes: return "await_routes";
  }
  return "";
}

}  // namespace

SimMachine::SimMachine(Cluster& cluster, Machine self, int64_t skew_ms)
    : images(cluster.hook),
      containers(cluster.hook, images),
      host(cluster.hook),
      gateway(cluster.hook, cluster.serves),
      dns(cluster.hook),
      cluster_(cluster),
      self_(std::move(self)),
      clock_(skew_ms),
      journal_(cluster.hook, clock_),
      cache_(cluster.hook),
      prober_(cluster.hook, cluster.serves) {}

void SimMachine::start_daemon() {
  Scheduler& scheduler = cluster_.scheduler;
  daemon_process_ =
      scheduler.new_process(std::format("{}.ployzd#{}", self_.name, ++daemon_lives_));
  auto* daemon = new Daemon;  // belongs to its process: dies with it, is never destroyed
  daemon->process = daemon_process_;
  scheduler.spawn_in(daemon_process_, [this, daemon] { boot_daemon(*daemon); });
}

void SimMachine::boot_daemon(Daemon& daemon) {
  daemon.clock = std::make_unique<SkewedClock>(clock_);
  daemon.entropy = SeededEntropy(cluster_.scheduler.random().next());
  daemon.agent = std::make_unique<Agent>(
      AgentConfig{self_, cluster_.config.cluster_domain},
      Agent::Ports{containers, images, journal_, prober_, host, *daemon.clock});
  EngineConfig config;
  config.self = self_.id;
  config.cluster = cluster_.config;
  daemon.engine = std::make_unique<Engine>(
      config, Engine::Ports{cluster_.store, cluster_.store, cluster_.rpc, *daemon.clock,
                            daemon.entropy, daemon.executor});
  while (true) {
    auto serving = cluster_.rpc.serve(
        self_.id, Target::agent,
        [this, &daemon](const std::string& command, const Json& request) -> Result<Json> {
          if (is_stripped(command, request)) return Json::object();
          return daemon.agent->handle(command, request);
        });
    if (serving) {
      daemon.serving = std::move(*serving);
      break;
    }
    cluster_.scheduler.sleep_ns(kSecond);
  }
  ready_daemon_ = &daemon;
}

void SimMachine::start_router() {
  Scheduler& scheduler = cluster_.scheduler;
  router_process_ =
      scheduler.new_process(std::format("{}.router#{}", self_.name, ++router_lives_));
  cluster_.hook.call_it_router(router_process_);
  auto* life = new RouterLife;
  life->process = router_process_;
  router_ = life;
  scheduler.spawn_in(router_process_, [this, life] { boot_router(*life); });
}

void SimMachine::boot_router(RouterLife& life) {
  Trace& trace = cluster_.trace;
  life.router = std::make_unique<Router>(
      cluster_.config,
      Router::Ports{gateway, dns, cache_, clock_,
                    [&trace](const std::string& line) { trace.say("log: {}", line); }});
  Router& router = *life.router;
  if (const Status started = router.start(); !started) {
    trace.say("router: {}", started.error().line());
  }
  while (!life.following || !life.serving) {
    if (!life.following) {
      auto following = cluster_.store.follow(
          [&router](StoredCommit commit) { router.on_commit(commit); },
          [&router] { router.on_caught_up(); });
      if (following) life.following = std::move(*following);
    }
    if (!life.serving) {
      auto serving = cluster_.rpc.serve(
          self_.id, Target::router,
          [this, &router](const std::string& command, const Json& request) -> Result<Json> {
            if (is_stripped(command, request)) return Json::object();
            return router.handle(command, request);
          });
      if (serving) life.serving = std::move(*serving);
    }
    if (!life.following || !life.serving) cluster_.scheduler.sleep_ns(kSecond);
  }
}

bool SimMachine::is_stripped(const std::string& command, const Json& request) const {
  if (cluster_.mutation == Mutation::none || command != "step") return false;
  if (request.value("verb", "") != "undo") return false;
  return request["action"].value("kind", "") == undone_kind(cluster_.mutation);
}

std::vector<ThreadId> SimMachine::stop() {
  Scheduler& scheduler = cluster_.scheduler;
  // Members end in the reverse of their order: first nobody asks any more.
  return {scheduler.spawn_in(daemon_process_, [daemon = ready_daemon_] { delete daemon; }),
          scheduler.spawn_in(router_process_, [router = router_] { delete router; })};
}

bool SimMachine::owns(ProcessId process) const {
  return process == daemon_process_ || process == router_process_;
}

void SimMachine::crash(ProcessId process, uint64_t down_ns) {
  const bool daemon = process == daemon_process_;
  if (daemon) ready_daemon_ = nullptr;
  cluster_.scheduler.after_ns(down_ns, [this, daemon] {
    if (daemon) {
      start_daemon();
    } else {
      start_router();
    }
  });
  cluster_.scheduler.kill(process);
}

}  // namespace ployz::sim

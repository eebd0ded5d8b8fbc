#include "sim/world/machine.h"

#include <format>

#include "sim/world/mutant_agent.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::string_view undone_kind(Mutation mutation) {
  switch (mutation) {
    case Mutation::run_instance: return "remove_instance";
    case Mutation::stop_instance: return "start_instance";
    case Mutation::prepare_routes: return "discard_routes";
    case Mutation::await_routes: return "await_routes";
    case Mutation::make_dataset: return "destroy_dataset";
    case Mutation::snapshot_datasets: return "destroy_snapshots";
    case Mutation::pause_instances: return "resume_instances";
    default: return "";
  }
}

}  // namespace

SimMachine::SimMachine(Cluster& cluster, MachineIndex index, Machine self, int64_t skew_ms,
                       Storage storage)
    : images(cluster.hook),
      containers(cluster.hook, images),
      volumes(cluster.hook, clock_, storage.pool),
      host(cluster.hook),
      gateway(cluster.hook,
              [&cluster, index](std::string_view at) { return cluster.serves(index, at); }),
      dns(cluster.hook),
      cluster_(cluster),
      index_(index),
      self_(std::move(self)),
      storage_(std::move(storage)),
      clock_(skew_ms),
      journal_(cluster.hook, clock_),
      cache_(cluster.hook),
      prober_(cluster.hook,
              [&cluster, index](std::string_view at) { return cluster.serves(index, at); }),
      store_(cluster.hook, cluster.stores) {
  store_disk_.followed = cluster.stores.first().place;
  if (store_disk_.followed.includes(self_.id)) {
    store_disk_.servers[store_disk_.followed.epoch % 2] = {&cluster.stores.first(), true};
    cluster.network.serve(cluster.stores.first().number, 1, index_);
  }
  cluster.members.push_back(self_);
  cluster.hook.name(self_.id, index_);
  work_on_volumes();
}

// Each line says who wrote it, so that content tells its history.
void SimMachine::work_on_volumes() {
  containers.on_work([this](const InstanceConfig& config, uint64_t count) {
    for (const Mount& mount : config.run.spec.mounts) {
      if (mount.read_only) continue;
      // A full pool or quota is the container's own trouble.
      (void)volumes.append(config.run.datasets.at(mount.volume),
                           std::format("{} {} {}\n", config.run.instance.str(),
                                       config.operation.str(), count));
    }
  });
  volumes.mounted_by([this](const DatasetId& dataset) { return containers.mounts(dataset); });
}

void SimMachine::start_daemon() {
  Scheduler& scheduler = cluster_.scheduler;
  daemon_process_ =
      scheduler.new_process(std::format("{}.ployzd#{}", self_.name, ++daemon_lives_));
  cluster_.hook.place(daemon_process_, index_);
  auto* daemon = new Daemon;  // belongs to its process: dies with it, is never destroyed
  daemon->process = daemon_process_;
  scheduler.spawn_in(daemon_process_, [this, daemon] { boot_daemon(*daemon); });
}

void SimMachine::make_ids(Daemon& daemon) {
  if (cluster_.mutation == Mutation::reused_ids) {
    daemon.clock = std::make_unique<StoppedClock>(clock_);
    daemon.entropy = std::make_unique<WeakEntropy>(cluster_.weak_ids);
  } else {
    daemon.clock = std::make_unique<SkewedClock>(clock_);
    daemon.entropy = std::make_unique<SeededEntropy>(cluster_.scheduler.random().next());
  }
}

void SimMachine::boot_daemon(Daemon& daemon) {
  make_ids(daemon);
  daemon.transfers =
      std::make_unique<FakeTransfers>(cluster_.hook, cluster_.streams, *daemon.clock,
                                      self_.overlay_address + ":4319", kStreamSilence,
                                      storage_.key_lifetime);
  daemon.agent = std::make_unique<Agent>(
      AgentConfig{self_, cluster_.config.cluster_domain},
      Agent::Ports{containers, images, journal_, prober_, host, *daemon.clock,
                   storage_.keeps_volumes ? &volumes : nullptr, daemon.transfers.get()});
  MachineRpc* rpc = &cluster_.rpc;
  if (MutantRpc::is_for(cluster_.mutation)) {
    daemon.mutant = std::make_unique<MutantRpc>(cluster_.rpc, cluster_.mutation);
    rpc = daemon.mutant.get();
  }
  EngineConfig config;
  config.self = self_.id;
  config.cluster = cluster_.config;
  daemon.engine = std::make_unique<Engine>(
      config, Engine::Ports{store_, store_, *rpc, *daemon.clock,
                            *daemon.entropy, daemon.executor});
  daemon.site = std::make_unique<StoreSite>(
      self_, index_, *daemon.clock, cluster_.scheduler.random().fork(),
      StoreSite::Parts{cluster_.hook, cluster_.trace, cluster_.network, cluster_.stores, store_,
                       store_disk_, cluster_.rpc, cluster_.peers, cluster_.members,
                       cluster_.mutation});
  serve_agent(daemon);
  if (cluster_.store_moves) daemon.site->follow();
  ready_daemon_ = &daemon;
}

void SimMachine::serve_agent(Daemon& daemon) {
  const auto until_it_serves = [&](FakeRpc& rpc, const MachineRpc::Handler& handler) {
    while (true) {
      auto serving = rpc.serve(self_.id, Target::agent, handler);
      if (serving) return std::move(*serving);
      cluster_.scheduler.sleep_ns(kSecond);
    }
  };
  daemon.serving = until_it_serves(
      cluster_.rpc, [this, &daemon](const std::string& command, const Json& request) {
        return answer(daemon, command, request);
      });
  if (!cluster_.store_moves) return;
  daemon.serving_peers = until_it_serves(
      cluster_.peers, [&daemon](const std::string&, const Json&) -> Result<Json> {
        return daemon.site->place();
      });
}

Result<Json> SimMachine::answer(Daemon& daemon, const std::string& command, const Json& request) {
  if (is_stripped(command, request)) return Json::object();
  if (auto falsified = answer_of_mutant(cluster_, *this, command, request)) return *falsified;
  if (StoreSite::knows(command)) return daemon.site->handle(command, request);
  // Keys and users are not part of this world.
  if (command == "mesh_sync") return Json::object();
  // It is switched off when its removal has ended.
  if (command == "leave") return Json::object();
  return daemon.agent->handle(command, request);
}

void SimMachine::start_router() {
  Scheduler& scheduler = cluster_.scheduler;
  router_process_ =
      scheduler.new_process(std::format("{}.router#{}", self_.name, ++router_lives_));
  cluster_.hook.call_it_router(router_process_);
  cluster_.hook.place(router_process_, index_);
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
      auto following = store_.follow(
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
  if (cluster_.mutation == Mutation::skip_flip) return index_ == 1 && command == "flip";
  if (command != "step") return false;
  if (request.value("verb", "") != "undo") return false;
  return request["action"].value("kind", "") == undone_kind(cluster_.mutation);
}

std::vector<ThreadId> SimMachine::stop() {
  if (dead_) return {};
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
  restart_after(down_ns, daemon);
  cluster_.scheduler.kill(process);
}

void SimMachine::restart_after(uint64_t down_ns, bool daemon) {
  cluster_.scheduler.after_ns(down_ns, [this, daemon] {
    if (dead_) return;
    const uint64_t now_ns = cluster_.scheduler.now_ns();
    if (now_ns < paused_until_ns_) return restart_after(paused_until_ns_ - now_ns, daemon);
    if (daemon) {
      start_daemon();
    } else {
      start_router();
    }
  });
}

void SimMachine::pause(uint64_t duration_ns) {
  Scheduler& scheduler = cluster_.scheduler;
  if (dead_ || scheduler.now_ns() < paused_until_ns_) return;
  paused_until_ns_ = scheduler.now_ns() + duration_ns;
  cluster_.network.away(index_, paused_until_ns_);
  const bool router_calls = scheduler.process() == router_process_;
  const ProcessId last = router_calls ? router_process_ : daemon_process_;
  const ProcessId first = router_calls ? daemon_process_ : router_process_;
  scheduler.after_ns(duration_ns, [&scheduler, first, last] {
    scheduler.resume_process(first);
    scheduler.resume_process(last);
  });
  scheduler.pause_process(first);
  scheduler.pause_process(last);
}

void SimMachine::die() {
  Scheduler& scheduler = cluster_.scheduler;
  dead_ = true;
  ready_daemon_ = nullptr;
  cluster_.network.away(index_, kForEver);
  const bool router_calls = scheduler.process() == router_process_;
  scheduler.kill(router_calls ? daemon_process_ : router_process_);
  scheduler.kill(router_calls ? router_process_ : daemon_process_);
}

}  // namespace ployz::sim

// One simulated machine: what survives its daemons (engine, gateway, DNS, disk), and the two
// daemons that run on it, which crash and come back.
#pragma once

#include <memory>
#include <optional>

#include "agent/agent.h"
#include "drivers/os/thread_executor.h"
#include "engine/engine.h"
#include "router/router.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_dns.h"
#include "sim/fakes/fake_gateway.h"
#include "sim/fakes/fake_host.h"
#include "sim/fakes/fake_projection_cache.h"
#include "sim/fakes/fake_rpc.h"
#include "sim/fakes/fake_step_journal.h"
#include "sim/fakes/fake_transfers.h"
#include "sim/fakes/fake_volumes.h"
#include "sim/world/mutant_ids.h"
#include "sim/world/mutant_rpc.h"
#include "sim/world/sim_hook.h"
#include "sim/world/store_site.h"

namespace ployz::sim {

// What all machines share.
struct Cluster {
  Scheduler& scheduler;
  Trace& trace;
  SimHook& hook;
  Stores& stores;
  FakeRpc& rpc;
  FakeRpc& peers;  // without the store
  Network& network;
  FakeStreamNetwork streams;
  ClusterConfig config;
  Mutation mutation = Mutation::none;
  // Whether a machine's gateway or prober reaches something that answers at an address.
  std::function<bool(MachineIndex from, std::string_view address)> serves;
  WeakIds weak_ids;
  std::vector<Machine> members;  // all that ever were, by index
  bool store_moves = false;      // in this seed
};

// Where a machine keeps volumes.
struct Storage {
  bool keeps_volumes = true;
  FakePool pool;
  std::chrono::milliseconds key_lifetime = kStreamKeyLifetime;
};

// A life of ployzd. When it crashes, it is never destroyed.
struct Daemon {
  ProcessId process = kWorld;
  std::unique_ptr<Clock> clock;
  std::unique_ptr<Entropy> entropy;
  ThreadExecutor executor;
  std::unique_ptr<FakeTransfers> transfers;
  std::unique_ptr<MutantRpc> mutant;  // only when a mutation wants it
  std::unique_ptr<Agent> agent;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<StoreSite> site;
  std::unique_ptr<Subscription> serving;
  std::unique_ptr<Subscription> serving_peers;
};

struct RouterLife {
  ProcessId process = kWorld;
  std::unique_ptr<Router> router;
  std::unique_ptr<Subscription> following;
  std::unique_ptr<Subscription> serving;
};

class SimMachine {
 public:
  SimMachine(Cluster& cluster, MachineIndex index, Machine self, int64_t skew_ms, Storage storage);

  // New lives; they serve after a moment. Called when there is none.
  void start_daemon();
  void start_router();
  // The process must be one of this machine's present ones; it starts again after `down_ns`.
  void crash(ProcessId process, uint64_t down_ns);
  // Everything on it stands still, and goes on as if nothing had been.
  void pause(uint64_t duration_ns);
  // Nothing of it ever answers again. Does not return when the caller runs on it.
  void die();
  [[nodiscard]] bool dead() const { return dead_; }
  // Both end in good order, as on SIGTERM; join the returned threads. Nothing starts again.
  [[nodiscard]] std::vector<ThreadId> stop();
  [[nodiscard]] bool owns(ProcessId process) const;

  // The present daemon while it lives and is wired.
  [[nodiscard]] Daemon* daemon() const { return ready_daemon_; }
  // Counts lives.
  [[nodiscard]] uint64_t router_life() const { return router_lives_; }
  [[nodiscard]] const Machine& self() const { return self_; }
  [[nodiscard]] MachineIndex index() const { return index_; }
  [[nodiscard]] ProcessId daemon_process() const { return daemon_process_; }
  [[nodiscard]] const Storage& storage() const { return storage_; }
  // The control plane's store, as the processes of this machine reach it.
  [[nodiscard]] MachineStore& store() { return store_; }
  [[nodiscard]] const StoreEpoch& followed() const { return store_disk_.followed; }
  [[nodiscard]] StoreDisk& store_disk() { return store_disk_; }

  FakeImages images;
  FakeContainers containers;
  FakeVolumes volumes;
  FakeHost host;
  FakeGateway gateway;
  FakeDns dns;

 private:
  void restart_after(uint64_t down_ns, bool daemon);
  void boot_daemon(Daemon& daemon);
  void serve_agent(Daemon& daemon);
  [[nodiscard]] Result<Json> answer(Daemon& daemon, const std::string& command,
                                    const Json& request);
  void boot_router(RouterLife& life);
  void make_ids(Daemon& daemon);
  void work_on_volumes();
  [[nodiscard]] bool is_stripped(const std::string& command, const Json& request) const;

  Cluster& cluster_;
  MachineIndex index_;
  Machine self_;
  Storage storage_;
  SkewedClock clock_;
  FakeStepJournal journal_;
  FakeProjectionCache cache_;
  FakeProber prober_;
  MachineStore store_;
  StoreDisk store_disk_;
  uint64_t daemon_lives_ = 0;
  uint64_t router_lives_ = 0;
  bool dead_ = false;
  uint64_t paused_until_ns_ = 0;
  ProcessId daemon_process_ = kWorld;
  ProcessId router_process_ = kWorld;
  Daemon* ready_daemon_ = nullptr;
  RouterLife* router_ = nullptr;
};

}  // namespace ployz::sim

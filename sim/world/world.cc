#include "sim/world/world.h"

#include <algorithm>
#include <format>

#include "base/check.h"
#include "mesh/roster.h"
#include "sim/world/manifests.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMostMachines = 5;

// Most have a large pool of one kind; some are full soon, some machines have another kind, or none.
Storage draw_storage(Random& random, const std::string& machine, bool must_keep_volumes) {
  Storage storage;
  storage.pool.name = machine;
  if (random.below(5) == 0) storage.pool.size_bytes = random.between(500, 5000);
  if (random.below(8) == 0) storage.pool.driver = "zfs";
  storage.pool.atomic_multi_snapshot = storage.pool.driver == "zfs";
  storage.keeps_volumes = must_keep_volumes || random.below(10) > 0;
  if (random.below(3) == 0) storage.key_lifetime = std::chrono::milliseconds(1500);
  return storage;
}

size_t draw_machines(Random& random) {
  return random.below(4) == 0 ? 1 : random.between(2, kMostMachines);
}

MachineId machine_id(uint64_t number) {
  return MachineId(std::format("machine-{}", number));
}

std::string overlay_address(uint64_t number) {
  return std::format("10.101.{}.1", number - 1);
}

}  // namespace

World::World(Scheduler& the_scheduler, const WorldOptions& options, Trace& the_trace)
    : random(options.seed * 2 + 1),
      faults(Faults::draw(random)),
      trace(the_trace),
      scheduler(the_scheduler),
      machine_count(draw_machines(random)),
      network(machine_count),
      hook(scheduler, trace, network, random.fork()),
      store(hook, trace, network, {1, {{machine_id(1), overlay_address(1)}}}),
      peer_hook(hook),
      rpc(hook),
      peers(peer_hook),
      cluster{scheduler, trace, hook, store, rpc, peers, network, {}, {}, options.mutation,
              [this](MachineIndex from, std::string_view address) {
                return serves(from, address);
              },
              {},
              {},
              machine_count > 1 && random.coin()} {
  hook.on_crash([this](ProcessId process) { crash(process); });
  hook.on_calamity([this](SimHook::Calamity calamity) { befall(calamity); });
  rpc.on_answer([this](const RpcAddress& to, bool answered) {
    if (to.command == "facts") facts_of_[scheduler.thread()][to.machine] = answered;
  });
  for (uint64_t i = 1; i <= machine_count; ++i) {
    Machine machine;
    machine.id = machine_id(i);
    machine.stores = i == 1;
    machine.name = std::format("m{}", i);
    machine.subnet = std::format("10.101.{}.0/24", i - 1);
    machine.overlay_address = overlay_address(i);
    machine.created_at_ms = 1'700'000'000'000;
    const auto skew = static_cast<int64_t>(random.between(0, 2 * faults.clock_skew_ms)) -
                      static_cast<int64_t>(faults.clock_skew_ms);
    // Where the first may leave, another keeps volumes, too.
    const bool must_keep_volumes = i <= (cluster.store_moves ? 2U : 1U);
    machines.push_back(
        std::make_unique<SimMachine>(cluster, i - 1, machine, skew,
                                     draw_storage(random, machine.name, must_keep_volumes)));
    add_images(*machines.back());
  }
}

void World::add_images(SimMachine& machine) {
  for (const SampleImage& image : sample_images()) {
    // A plan needs a machine that knows an image's id: the first has every one, and where that may be
    // lost another.
    const size_t complete = cluster.store_moves ? 2 : 1;
    const bool present = !image.may_be_absent || machines.size() <= complete || random.coin();
    machine.images.add(image.reference, image.id, image.behaviour, present, image.in_registry);
  }
}

void World::start() {
  check(store.create(Bucket::meta, kStoreEpochKey, "1").has_value(), "a fresh store has no epoch");
  for (const auto& machine : machines) {
    const Machine& self = machine->self();
    check(store.create(Bucket::machines, self.id.str(), to_text(to_json(self))).has_value(),
          "a fresh store takes a machine");
    machine->start_daemon();
    machine->start_router();
  }
  wait_until_up();
}

void World::wait_until_up() {
  for (SimMachine* machine : living()) {
    while (!machine->daemon()) scheduler.sleep_ns(kSecond / 10);
  }
  scheduler.sleep_ns(kSecond);  // the routers read the log
}

void World::disturb() { hook.disturb(faults); }

void World::calm() {
  hook.calm();
  for (const auto& machine : machines) machine->volumes.resize(FakePool().size_bytes);
  scheduler.sleep_ns(90 * kSecond);  // crashed and paused ones come back
  wait_until_up();
}

void World::stop() {
  for (const auto& machine : machines) {
    for (const ThreadId thread : machine->stop()) scheduler.join(thread);
  }
}

void World::lose_calls(ProcessId process) {
  for (const auto& call : calls_) {
    if (call->process != process || call->done) continue;
    call->done = true;
    call->answer.lost = true;
    (void)scheduler.unpark(call.get(), 1);
  }
}

// The process dies where it stands; what its clients wait for is lost.
void World::crash(ProcessId process) {
  cluster.streams.end(process, true);  // first: it may let others go on
  lose_calls(process);
  for (const auto& machine : machines) {
    if (!machine->owns(process)) continue;
    // systemd restarts at once; sometimes the machine itself was down, or it fails for a while.
    const uint64_t down_ns = random.below(5) > 0 ? random.between(kSecond / 10, 2 * kSecond)
                                                 : random.between(2 * kSecond, 80 * kSecond);
    machine->crash(process, down_ns);
    return;
  }
}

void World::befall(SimHook::Calamity calamity) {
  SimMachine& victim = *machines[random.below(machines.size())];
  if (victim.dead()) return;
  if (calamity == SimHook::Calamity::pause) {
    trace.note("machine pauses", victim.self().name);
    trace.counts.add(Count::machine_pauses);
    return victim.pause(random.between(kSecond / 2, 60 * kSecond));
  }
  // Without the store there is no cluster until it is recovered, and one death is enough.
  if (!may_lose(victim) || living().size() < machines.size()) return;
  trace.note("machine dies", victim.self().name);
  trace.counts.add(Count::machine_deaths);
  switch_off(victim);
}

bool World::may_lose(const SimMachine& victim) {
  const auto does_without = [&](const StoreEpoch& place) {
    return place.members.size() > 1 || !place.includes(victim.self().id);
  };
  // Until somebody else follows, only the former holder knows what was decided.
  const bool is_known = std::ranges::any_of(living(), [&](const SimMachine* machine) {
    return machine != &victim && machine->followed() == store.in_force().place;
  });
  const auto newest = store.in_force().store.newest_transfer();
  return is_known && does_without(store.in_force().place) && (!newest || does_without(newest->record.next));
}

bool World::store_is_settled() {
  if (store.in_force().store.frozen()) return false;
  return std::ranges::all_of(living(), [&](SimMachine* machine) {
    return machine->followed() == store.in_force().place;
  });
}

void World::switch_off(SimMachine& victim) {
  if (victim.dead()) return;
  cluster.streams.end(victim.daemon_process(), false);
  lose_calls(victim.daemon_process());
  victim.die();
}

std::vector<SimMachine*> World::living() {
  std::vector<SimMachine*> found;
  for (const auto& machine : machines) {
    if (!machine->dead()) found.push_back(machine.get());
  }
  return found;
}

bool World::has_ghosts() {
  const std::vector<Record> records = store.records(Bucket::machines);
  return std::ranges::any_of(machines, [&](const auto& machine) {
    return machine->dead() &&
           std::ranges::contains(records, machine->self().id.str(), &Record::key);
  });
}

Answer World::execute(SimMachine& machine, std::string_view what, Command command,
                      std::optional<uint64_t> cancel_after_ns) {
  Daemon* daemon = machine.daemon();
  if (!daemon) {
    Answer away;
    away.lost = true;
    return away;
  }
  auto call = std::make_shared<Call>();
  call->process = daemon->process;
  call->answer.disturbances_before = disturbances();
  for (const Record& record : store.records(Bucket::operations)) {
    call->answer.operations_before.insert(record.key);
  }
  calls_.push_back(call);
  trace.note(std::format("command on {}", machine.self().name), what);
  scheduler.spawn_in(daemon->process, [this, daemon, call, command = std::move(command)] {
    const ThreadId self = scheduler.thread();
    facts_of_.erase(self);
    call->answer.result = command(*daemon->engine, call->cancel.get_token());
    call->answer.facts = facts_of_[self];
    call->done = true;
    (void)scheduler.unpark(call.get(), 1);
  });
  if (cancel_after_ns) {
    scheduler.after_ns(*cancel_after_ns, [this, call] {
      if (call->done) return;
      scheduler.spawn_in(kWorld, [this, call] {
        trace.note("ctrl-c", "");
        trace.counts.add(Count::ctrl_c);
        if (!call->done) call->cancel.request_stop();
      });
    });
  }
  while (!call->done) (void)scheduler.park(call.get(), std::nullopt, "for an answer");
  std::erase(calls_, call);
  const Answer& answer = call->answer;
  if (answer.lost) {
    trace.note("answer", "lost");
  } else if (!answer.result) {
    trace.note("answer", answer.result.error().line());
  } else {
    trace.note("answer", std::format("{} {}: {}", answer.result->id.str(),
                                     to_string(answer.result->outcome),
                                     answer.result->error ? answer.result->error->line() : ""));
  }
  return answer;
}

std::map<NamespaceName, CommitEntry> World::newest() {
  std::map<NamespaceName, CommitEntry> newest;
  for (const StoredCommit& stored : store.log()) {
    auto commit = decode_commit(stored.bytes);
    if (!commit) continue;  // the checkers say so
    newest[stored.name_space] = {stored.sequence, std::move(*commit)};
  }
  return newest;
}

std::vector<Operation> World::operations() {
  std::vector<Operation> operations;
  for (const Record& record : store.records(Bucket::operations)) {
    const auto json = parse_json(record.value);
    check(json.has_value(), "the engine wrote a record that does not parse");
    auto operation = operation_from_json(*json);
    if (!operation) {
      trace.violation(std::format("operation record {}: {}", record.key,
                                  operation.error().message));
      continue;
    }
    if (!operation->name_space.empty()) operations.push_back(std::move(*operation));
  }
  return operations;
}

SimMachine* World::machine(const MachineId& id) {
  for (const auto& machine : machines) {
    if (machine->self().id == id) return machine.get();
  }
  return nullptr;
}

bool World::serves(MachineIndex from, std::string_view address) {
  const uint64_t now_ns = scheduler.now_ns();
  for (const auto& machine : machines) {
    const MachineIndex to = machine->index();
    if (!network.reaches(from, to, now_ns) || !network.reaches(to, from, now_ns)) continue;
    if (machine->containers.serves(address)) return true;
  }
  return false;
}

uint64_t World::disturbances() const {
  uint64_t count = hook.local_faults();
  for (const auto& machine : machines) count += machine->router_life();
  return count;
}

}  // namespace ployz::sim

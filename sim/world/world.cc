#include "sim/world/world.h"

#include <format>

#include "base/check.h"
#include "sim/world/manifests.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMostMachines = 3;

}  // namespace

World::World(Scheduler& the_scheduler, const WorldOptions& options, Trace& the_trace)
    : random(options.seed * 2 + 1),
      faults(Faults::draw(random)),
      trace(the_trace),
      scheduler(the_scheduler),
      hook(scheduler, trace, random.fork()),
      store(hook),
      rpc(hook),
      cluster{scheduler, trace, hook, store, rpc, {}, options.mutation,
              [this](std::string_view address) { return serves(address); }} {
  hook.on_crash([this](ProcessId process) { crash(process); });
  const uint64_t count = random.below(3) > 0 ? 1 : random.between(2, kMostMachines);
  for (uint64_t i = 1; i <= count; ++i) {
    Machine machine;
    machine.id = MachineId(std::format("machine-{}", i));
    machine.name = std::format("m{}", i);
    machine.subnet = std::format("10.101.{}.0/24", i - 1);
    machine.overlay_address = std::format("10.101.{}.1", i - 1);
    machine.created_at_ms = 1'700'000'000'000;
    const auto skew = static_cast<int64_t>(random.between(0, 2 * faults.clock_skew_ms)) -
                      static_cast<int64_t>(faults.clock_skew_ms);
    machines.push_back(std::make_unique<SimMachine>(cluster, machine, skew));
    add_images(*machines.back());
  }
}

void World::add_images(SimMachine& machine) {
  for (const SampleImage& image : sample_images()) {
    // The first machine has every image: a plan needs one that knows its id.
    const bool present = !image.may_be_absent || machines.size() == 1 || random.coin();
    machine.images.add(image.reference, image.id, image.behaviour, present);
  }
}

void World::start() {
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
  for (const auto& machine : machines) {
    while (!machine->daemon()) scheduler.sleep_ns(kSecond / 10);
  }
  scheduler.sleep_ns(kSecond);  // the routers read the log
}

void World::disturb() { hook.disturb(faults); }

void World::calm() {
  hook.calm();
  scheduler.sleep_ns(60 * kSecond);  // crashed and paused ones come back
  wait_until_up();
}

void World::stop() {
  for (const auto& machine : machines) {
    for (const ThreadId thread : machine->stop()) scheduler.join(thread);
  }
}

// The process dies where it stands; what its clients wait for is lost.
void World::crash(ProcessId process) {
  for (const auto& call : calls_) {
    if (call->process != process || call->done) continue;
    call->done = true;
    call->answer.lost = true;
    (void)scheduler.unpark(call.get(), 1);
  }
  for (const auto& machine : machines) {
    if (!machine->owns(process)) continue;
    // systemd restarts at once; sometimes the machine itself was down.
    const uint64_t down_ns = random.below(5) > 0 ? random.between(kSecond / 10, 2 * kSecond)
                                                 : random.between(2 * kSecond, 40 * kSecond);
    machine->crash(process, down_ns);
    return;
  }
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
  calls_.insert(call);
  trace.note(std::format("command on {}", machine.self().name), what);
  scheduler.spawn_in(daemon->process, [this, daemon, call, command = std::move(command)] {
    call->answer.result = command(*daemon->engine, call->cancel.get_token());
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
  calls_.erase(call);
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
    check(commit.has_value(), "the engine wrote a commit that does not parse");
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
    operations.push_back(std::move(*operation));
  }
  return operations;
}

SimMachine* World::machine(const MachineId& id) {
  for (const auto& machine : machines) {
    if (machine->self().id == id) return machine.get();
  }
  return nullptr;
}

bool World::serves(std::string_view address) {
  for (const auto& machine : machines) {
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

// Operators that move the control plane's store.
#include <format>

#include "mesh/store_transfer.h"
#include "sim/world/operators.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
// The clock by which a holder that died set the deadline may be ten minutes ahead.
constexpr int kMoveRounds = 50;

StoreTransfer transfer_of(World& world, SimMachine& through, const Daemon& daemon) {
  return {through.self().id,
          {through.store(), world.rpc, *daemon.clock, *daemon.entropy, daemon.site->moves()}};
}

}  // namespace

// Mostly one that can be.
StoreRequest Operators::random_place(Random& random) {
  std::vector<std::string> names = machine_names();
  StoreRequest request;
  request.replicas = 1 + 2 * random.below((names.size() + 1) / 2);
  const uint64_t named = random.below(4) > 0 ? request.replicas : random.below(names.size());
  while (request.machines.size() < named || request.machines.empty()) {
    const uint64_t chosen = random.below(names.size());
    request.machines.push_back(names[chosen]);
    if (names.size() > 1) names.erase(names.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  return request;
}

void Operators::move_store(Random& random) {
  if (random.coin()) {
    const auto unfinished = unfinished_operations(world_.store, kStorePromote);
    if (unfinished && !unfinished->empty()) {
      return settle_move(random, unfinished->front().operation.id);
    }
  }
  if (random.coin()) return run_move(random, random_place(random), maybe_cancel(random));
  std::vector<ThreadId> both;
  for (int i = 0; i < 2; ++i) {
    both.push_back(world_.scheduler.spawn_in(kWorld, [this, own = random.fork()]() mutable {
      own.coin() ? world_.scheduler.yield() : world_.scheduler.sleep_ns(own.below(kSecond / 10));
      run_move(own, random_place(own), maybe_cancel(own));
    }));
  }
  for (const ThreadId thread : both) world_.scheduler.join(thread);
}

void Operators::run_move(Random& random, const StoreRequest& request,
                         std::optional<uint64_t> cancel) {
  SimMachine& through = any_machine(random);
  const Daemon* daemon = through.daemon();
  if (daemon == nullptr) return;
  auto report = std::make_shared<std::optional<Result<StoreReport>>>();
  std::string what = std::format("storage promote --replicas {}", request.replicas);
  for (const std::string& name : request.machines) what += " " + name;
  const Answer answer = world_.execute(
      through, what,
      [this, &through, daemon, request, report](Engine&, std::stop_token stop) -> Result<Operation> {
        StoreTransfer transfer = transfer_of(world_, through, *daemon);
        *report = transfer.run(request, {}, stop);
        if (!**report) return std::unexpected((*report)->error());
        return Operation{};
      },
      cancel);
  if (answer.lost || !*report) return;
  note_move(**report);
}

void Operators::note_move(const Result<StoreReport>& report) {
  if (report) {
    if (report->outcome == Outcome::committed) moved_[report->operation] = true;
    return check_moves();
  }
  world_.trace.counts.add(Count::failed_moves);
  for (const Context& entry : report.error().context) {
    if (entry.key == "operation") moved_[OperationId(entry.value)] = false;
  }
  check_moves();
}

void Operators::settle_move(Random& random, const OperationId& id) {
  SimMachine& through = any_machine(random);
  const Daemon* daemon = through.daemon();
  if (daemon == nullptr) return;
  const Answer answer = world_.execute(
      through, "op resume " + id.str(), [this, &through, daemon, id](Engine&, std::stop_token) {
        return transfer_of(world_, through, *daemon).settle(id);
      });
  if (answer.lost || !answer.result || !answer.result->ended()) return;
  moved_[id] = answer.result->outcome == Outcome::committed;
  check_moves();
}

// As the refusal to remove a dead machine that holds it says.
void Operators::keep_store_with_living() {
  const std::vector<SimMachine*> living = world_.living();
  if (living.size() >= world_.store.in_force().place.members.size()) return;
  run_move(world_.random, {1, {any_machine(world_.random).self().name}, false}, std::nullopt);
}

void Operators::check_moves() {
  for (const auto& [id, moved] : moved_) {
    if (world_.store.made_one(id) == moved) continue;
    world_.trace.violation(std::format("operation {} was reported {}, and {} the store", id.str(),
                                       moved ? "committed" : "failed",
                                       moved ? "did not move" : "moved"));
  }
}

void Operators::end_moves() {
  if (!world_.cluster.store_moves) return;
  for (int round = 0; round < kMoveRounds; ++round) {
    const auto unfinished = unfinished_operations(world_.store, kStorePromote);
    if (unfinished && unfinished->empty() && world_.store_is_settled()) return check_moves();
    for (const JournaledOperation& found : *unfinished) {
      settle_move(world_.random, found.operation.id);
    }
    world_.scheduler.sleep_ns(20 * kSecond);
  }
  const PlacedStore& now = world_.store.in_force();
  world_.trace.violation(std::format("the store of epoch {} does not come to rest{}", now.place.epoch,
                                     world_.store.in_force().store.frozen() ? ": frozen" : ""));
}

}  // namespace ployz::sim

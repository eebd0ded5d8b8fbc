#include "sim/seed.h"

#include "sim/checkers/data_checker.h"
#include "sim/checkers/log_checker.h"
#include "sim/checkers/outcome_checker.h"
#include "sim/checkers/settled_checker.h"
#include "sim/checkers/traffic_checker.h"
#include "sim/world/operators.h"
#include "sim/world/recovery.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
// Reservations of failed probes and backends nobody drained are gone after this.
constexpr uint64_t kLeftoversNs = 100 * kSecond;

void live(World& world) {
  OutcomeChecker outcomes(world);
  const TrafficChecker traffic(world);
  DataHistory history(world);
  DataChecker data(world, history);
  Operators operators(world, outcomes, data);
  world.start();
  world.disturb();
  operators.work();
  world.calm();
  check_caught_up(world);
  operators.settle();
  world.scheduler.sleep_ns(kLeftoversNs);
  check_log(world);
  world.store.check_acknowledged();
  outcomes.at_the_end();
  data.at_the_end();
  check_settled(world);
  Recovery(world).live();
  world.stop();
}

std::optional<Count> count_of(CommitKind kind) {
  switch (kind) {
    case CommitKind::branch: return Count::branches;
    case CommitKind::fork: return Count::forks;
    case CommitKind::migrate: return Count::migrations;
    case CommitKind::promote: return Count::promotes;
    case CommitKind::rollback: return Count::rollbacks;
    case CommitKind::snapshot: return Count::volume_snapshots;
    case CommitKind::prune: return Count::prunes;
    case CommitKind::volume_rm: return Count::removed_volumes;
    case CommitKind::deploy:
    case CommitKind::remove:
    case CommitKind::fence: break;
  }
  return std::nullopt;
}

// Everything that is only told at the end.
void count_all(World& world, Counts& counts) {
  counts.add(Count::seeds);
  if (world.store.moves() > 0) counts.add(Count::moving_seeds);
  counts.add(Count::operations, world.store.records(Bucket::operations).size());
  const std::vector<StoredCommit> log = world.store.log();
  counts.add(Count::commits, log.size());
  for (const StoredCommit& stored : log) {
    const auto commit = decode_commit(stored.bytes);
    const auto count = commit ? count_of(commit->kind) : std::nullopt;
    if (count) counts.add(*count);
  }
  counts.add(Count::thread_switches, world.scheduler.switches());
}

}  // namespace

SeedResult run_seed(const WorldOptions& options) {
  Scheduler scheduler(options.seed);
  Trace trace(scheduler, options.verbose);
  // Like everything in it, it is abandoned rather than destroyed: threads still refer to it.
  auto* world = new World(scheduler, options, trace);
  const Scheduler::End end = scheduler.run([&] { live(*world); });
  SeedResult result;
  result.findings = trace.violations();
  if (!result.findings.empty()) result.verdict = Verdict::wrong;
  if (end != Scheduler::End::done) {
    result.verdict = Verdict::stuck;
    result.findings.push_back(
        (end == Scheduler::End::deadlock ? "everybody waits for ever:\n" : "it does not end:\n") +
        scheduler.describe_waiting());
  }
  // What was drawn and who ran, even where nothing was noted of it.
  result.hash = trace.hash() ^ scheduler.random().next() ^ (scheduler.switches() << 32);
  result.virtual_ms = scheduler.now_ns() / 1'000'000;
  result.counts = trace.counts;
  count_all(*world, result.counts);
  return result;
}

}  // namespace ployz::sim

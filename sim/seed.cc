#include "sim/seed.h"

#include "sim/checkers/log_checker.h"
#include "sim/checkers/outcome_checker.h"
#include "sim/checkers/settled_checker.h"
#include "sim/checkers/traffic_checker.h"
#include "sim/world/operators.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
// Reservations of failed probes and backends nobody drained are gone after this.
constexpr uint64_t kLeftoversNs = 100 * kSecond;

void live(World& world) {
  OutcomeChecker outcomes(world);
  const TrafficChecker traffic(world);
  Operators operators(world, outcomes);
  world.start();
  world.disturb();
  operators.work();
  world.calm();
  check_caught_up(world);
  operators.settle();
  world.scheduler.sleep_ns(kLeftoversNs);
  check_log(world);
  outcomes.at_the_end();
  check_settled(world);
  world.stop();
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
  result.counts.add(Count::seeds);
  result.counts.add(Count::operations, world->store.records(Bucket::operations).size());
  result.counts.add(Count::commits, world->store.log().size());
  result.counts.add(Count::thread_switches, scheduler.switches());
  return result;
}

}  // namespace ployz::sim

#include "sim/world/recovery.h"

#include <format>

#include "base/check.h"
#include "mesh/roster.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr int kFollowRounds = 60;  // of two seconds

StoreReach reach_of(const std::map<StreamName, size_t>& has) {
  StoreReach reach;
  for (const auto& [stream, count] : has) (stream ? reach.records : reach.commits) += count;
  return reach;
}

size_t size_of(const FakeStore::StreamCopy& stream) {
  return stream.commits.size() + stream.changes.size();
}

}  // namespace

void Recovery::live() {
  const StoreEpoch place = world_.store.in_force().place;
  const bool wanted = world_.cluster.store_moves && world_.random.below(3) == 0;
  if (!wanted || place.members.size() > 1 || world_.living().size() < 2) return;
  SimMachine& holder = *world_.machine(place.members.front().machine);
  for (SimMachine* machine : world_.living()) {
    if (machine != &holder) copies_[machine->self().id];
  }
  work();
  world_.trace.note("the store is destroyed", holder.self().name);
  world_.switch_off(holder);
  world_.scheduler.sleep_ns(world_.random.below(60 * kSecond));
  std::map<MachineId, MirrorReach> answers;
  for (auto& [id, copy] : copies_) {
    answers[id] = ployz::reach_of(place.epoch, copy.progress, reach_of(copy.has), now_ms());
  }
  if (const auto chosen = choose(answers)) restore(*chosen->first, chosen->second);
}

// Each copy gets a stream now and another then; sometimes it has everything.
void Recovery::work() {
  began_ms_ = now_ms();
  for (auto& [id, copy] : copies_) {
    look(copy, began_ms_);
  }
  const uint64_t writes = world_.random.between(0, 30);
  for (uint64_t i = 0; i < writes; ++i) {
    const std::vector<SimMachine*> living = world_.living();
    write(*living[world_.random.below(living.size())]);
    world_.scheduler.sleep_ns(world_.random.below(2 * kSecond));
    for (auto& [id, copy] : copies_) {
      if (world_.random.below(3) == 0) look(copy, now_ms());
    }
  }
}

void Recovery::write(SimMachine& machine) {
  const std::string key = std::format("client/{}", ++keys_);
  const auto written = machine.store().create(Bucket::meta, key, std::to_string(now_ms()));
  if (written) acknowledged_ms_[*written] = now_ms();
}

void Recovery::look(Copy& copy, uint64_t now_ms) {
  FakeStore& store = world_.store.in_force().store;
  const bool everything = copy.has.empty() || world_.random.coin();
  std::map<StreamName, size_t> stored;
  for (const StreamName& stream : all_fake_streams()) {
    stored[stream] = size_of(store.look(stream));
    if (everything || world_.random.coin()) copy.has[stream] = stored[stream];
  }
  copy.progress.stored = reach_of(stored);
  if (!everything) return;
  copy.progress.copied = copy.progress.stored;
  copy.progress.whole_at_ms = now_ms;
}

std::optional<std::pair<SimMachine*, RecoveryReport>> Recovery::choose(
    const std::map<MachineId, MirrorReach>& answers) {
  std::vector<Machine> members;
  for (const Record& record : world_.store.records(Bucket::machines)) {
    auto member = parse_json(record.value).and_then(machine_from_json);
    check(member.has_value(), "a record of a machine does not parse");
    members.push_back(*std::move(member));
  }
  std::optional<std::pair<SimMachine*, RecoveryReport>> chosen;
  for (SimMachine* machine : world_.living()) {
    auto report = plan_recovery(machine->self(), world_.store.in_force().place, members, answers);
    if (!report) continue;
    if (!chosen) chosen.emplace(machine, *std::move(report));
    // Copies that reach as far are as good: each may be chosen, where it is.
  }
  if (!chosen) world_.trace.violation("no survivor can make its copy of the store the store");
  return chosen;
}

void Recovery::restore(SimMachine& survivor, const RecoveryReport& report) {
  PlacedStore& lost = world_.store.in_force();
  const Copy& copy = copies_.at(survivor.self().id);
  const StoreCall call{OperationId("recover"), report.after, ""};
  PlacedStore& next = world_.store.prepared_by(call.operation, call.next);
  for (const StreamName& stream : all_fake_streams()) {
    FakeStore::StreamCopy part = lost.store.look(stream);
    const size_t has = copy.has.at(stream);
    if (part.commits.size() > has) part.commits.resize(has);
    if (part.changes.size() > has) part.changes.resize(has);
    check(next.store.restore(part).has_value(), "a new store takes what is copied to it");
  }
  SkewedClock clock(0);
  check(write_place(next.store, clock, call).has_value(), "a restored store says what it is");
  survivor.store_disk().servers[next.place.epoch % 2] = {&next, true};
  world_.network.serve(next.number, 1, survivor.index());
  world_.store.recovered(next);
  check(survivor.daemon()->site->recovered(next.place).has_value(), "its own machine follows it");
  world_.trace.counts.add(Count::recoveries);
  check_window(lost, report);
  check_follows();
}

// Of those that are lost, none was acknowledged before the window; so many are known to be.
void Recovery::check_window(const PlacedStore& lost, const RecoveryReport& report) {
  const PlacedStore& now = world_.store.in_force();
  const uint64_t since_ms = now_ms() - report.window_ms();
  uint64_t missing = 0;
  for (const auto& [revision, at_ms] : acknowledged_ms_) {
    if (std::ranges::contains(now.changes, revision, [](const RecordChange& change) {
          return change.record.revision;
        })) {
      continue;
    }
    ++missing;
    if (at_ms >= since_ms) continue;
    world_.trace.violation(std::format("write {} is lost, and was acknowledged {} ms before the window "
                                       "that the recovery names",
                                       revision, since_ms - at_ms));
  }
  world_.trace.counts.add(Count::lost_writes, missing);
  const uint64_t gone = lost.commits.size() - now.commits.size();
  if (report.missing.commits > gone || report.missing.records > missing) {
    world_.trace.violation(std::format("the recovery says that {} commits and {} writes are missing; it "
                                       "is {} and {}",
                                       report.missing.commits, report.missing.records, gone,
                                       missing));
  }
}

void Recovery::check_follows() {
  for (int round = 0; round < kFollowRounds && !world_.store_is_settled(); ++round) {
    world_.scheduler.sleep_ns(2 * kSecond);
  }
  if (!world_.store_is_settled()) {
    return world_.trace.violation("not everybody follows the store that was recovered");
  }
  for (SimMachine* machine : world_.living()) write(*machine);
  world_.store.check_acknowledged();
}

}  // namespace ployz::sim

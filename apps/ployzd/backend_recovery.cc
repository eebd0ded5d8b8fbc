// machine storage recover: the store is gone, and a survivor's copy becomes it.
#include <algorithm>
#include <chrono>
#include <format>

#include "backend.h"
#include "mesh/roster.h"

namespace ployz {
namespace {

constexpr auto kPeerPatience = std::chrono::milliseconds(1500);
constexpr uint64_t kFollowMs = 20'000;
constexpr uint64_t kMillis = 1000;
constexpr auto kAskAgain = std::chrono::milliseconds(300);

std::vector<Result<Json>> ask(Member& member, const std::vector<Machine>& machines,
                              std::string_view command) {
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : machines) {
    calls.push_back({{machine.id, Target::agent, std::string(command)}, Json::object()});
  }
  return member.peers().call_all(calls, kPeerPatience);
}

std::vector<Machine> others(Member& member) {
  std::vector<Machine> machines = *member.last_seen();
  const MachineId self = member.identity().machine.id;
  std::erase_if(machines, [&](const Machine& machine) { return machine.id == self; });
  return machines;
}

template <class T>
Result<T> parsed(const Result<Json>& answer, Result<T> (*parse)(const Json&)) {
  return answer ? parse(*answer) : Result<T>(fail(answer.error()));
}

Result<RecoveryReport> look(Member& member) {
  const Identity identity = member.identity();
  const std::vector<Machine> machines = others(member);
  std::map<MachineId, MirrorReach> reached{{identity.machine.id, member.mirror()}};
  const auto hellos = ask(member, machines, kPeerHello);
  const auto answers = ask(member, machines, kStoreMirror);
  for (size_t i = 0; i < machines.size(); ++i) {
    // One that says anything is alive, whether or not its version knows of copies.
    if (const auto hello = parsed(hellos[i], peer_hello_from_json)) {
      reached[machines[i].id].epoch = hello->epoch;
    }
    if (const auto reach = parsed(answers[i], mirror_reach_from_json)) {
      reached[machines[i].id] = *reach;
    }
  }
  std::vector<Machine> members = machines;
  members.push_back(identity.machine);
  return plan_recovery(identity.machine, identity.store, members, reached);
}

Status check_consent(const RecoverRequest& request, const RecoveryReport& report) {
  if (request.yes) return {};
  return fail(
      Code::precondition,
      std::format("what was acknowledged in the last {} s may be lost; known to be lost are "
                  "{} commits and {} writes of records",
                  (report.window_ms() + kMillis - 1) / kMillis, report.missing.commits,
                  report.missing.records),
      "see it: ployzctl machine storage recover --dry-run; go on: --yes");
}

// Those who answered follow by themselves; who has not said so in time is named.
void wait_for_followers(Member& member, Clock& clock, RecoveryReport& report) {
  std::vector<Machine> waiting = others(member);
  std::erase_if(waiting, [&](const Machine& machine) {
    return std::ranges::contains(report.silent, machine.name);
  });
  const uint64_t until = clock.steady_ms() + kFollowMs;
  while (!waiting.empty()) {
    const auto places = ask(member, waiting, kStorePlace);
    std::vector<Machine> left;
    for (size_t i = 0; i < places.size(); ++i) {
      const auto place = places[i] ? store_epoch_from_json(*places[i]) : StoreEpoch{0, {}};
      if (!place || place->epoch < report.after.epoch) left.push_back(waiting[i]);
    }
    waiting = std::move(left);
    if (clock.steady_ms() >= until || waiting.empty()) break;
    clock.sleep_for(kAskAgain, {});
  }
  for (const Machine& machine : waiting) report.behind.push_back(machine.name);
}

}  // namespace

Result<RecoveryReport> Backend::storage_recover(const RecoverRequest& request,
                                                const EventSink& events) {
  const auto member = TRY(node_.member());
  if (member->records().get(Bucket::meta, kStoreEpochKey)) {
    return fail(Code::precondition, "the store answers: nothing has to be recovered",
                "to move it: ployzctl machine storage promote");
  }
  const Progress progress = progress_to(events);
  if (request.preview) {
    RecoveryReport report = TRY(look(*member));
    report.preview = true;
    return report;
  }
  // Said before the others are asked: of two who begin at the same time at most one goes on.
  StoreHost::Recovering recovering;
  if (request.yes) recovering = TRY(member->store().begin_recovery());
  RecoveryReport report = TRY(look(*member));
  TRY(check_consent(request, report));
  progress(std::format("restoring the store from the copy of {}", report.copies.front().name));
  report.restored = TRY(member->store().recover(report.after, report.missing));
  progress(std::format("the store is of epoch {}: {} commits, {} records", report.after.epoch,
                       report.restored.commits, report.restored.records));
  wait_for_followers(*member, node_.drivers().clock, report);
  return report;
}

}  // namespace ployz

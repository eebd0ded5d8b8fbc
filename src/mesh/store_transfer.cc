#include "mesh/store_transfer.h"

#include <algorithm>
#include <cstdlib>
#include <format>

#include "base/join.h"
#include "engine/session.h"
#include "mesh/machine_operation.h"
#include "mesh/store_decision.h"

namespace ployz {
namespace {

// How long machines may take to follow; the others are named, and follow when they can.
constexpr uint64_t kFollowMs = 30'000;
// The same when nothing is left to move: perhaps whoever moved it died before everybody followed.
constexpr uint64_t kFollowedMs = 10'000;
constexpr auto kAskAgain = std::chrono::milliseconds(200);
constexpr auto kPing = std::chrono::milliseconds(2000);
// Then it is asked again, as long as a step may take.
constexpr auto kAnswer = std::chrono::milliseconds(10'000);
constexpr int kDecisionTries = 5;

// What people read of it in the journal, and what settle() reads the epoch from.
constexpr std::string_view kResource = "the control plane's store";
constexpr std::string_view kEpochWord = "epoch ";

std::string secret_of(Entropy& entropy) {
  std::string secret;
  for (int i = 0; i < 4; ++i) secret += std::format("{:016x}", entropy.next_u64());
  return secret;
}

std::string name_of(const Roster& roster, const MachineId& id) {
  const Machine* machine = roster.machine(id);
  return machine ? machine->name : id.str();
}

Status asked(const Result<Json>& answer) {
  if (!answer) return fail(answer.error());
  return {};
}

}  // namespace

struct StoreTransfer::Work {
  Roster roster;
  StoreReport report;
  StoreCall call;
  const Events& events;
  Operation operation;
  Journal journal;
};

void StoreTransfer::note(const Work& work, Phase phase, std::string text) {
  if (!work.events) return;
  work.events({work.call.operation, ports_.clock.wall_ms(), phase, Event::Kind::note,
               std::move(text)});
}

// An answer is lost when a server takes a configuration over in that moment.
std::vector<Result<Json>> StoreTransfer::ask(const std::vector<MachineRpc::Call>& calls,
                                             std::chrono::milliseconds limit) {
  const uint64_t until = ports_.clock.steady_ms() + static_cast<uint64_t>(limit.count());
  auto answers = ports_.rpc.call_all(calls, kAnswer);
  while (true) {
    std::vector<size_t> late;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i]) continue;
      if (answers[i].error().code != Code::timeout) return answers;
      late.push_back(i);
    }
    if (late.empty() || ports_.clock.steady_ms() >= until) return answers;
    ports_.clock.sleep_for(kAskAgain, {});
    std::vector<MachineRpc::Call> again;
    for (const size_t i : late) again.push_back(calls[i]);
    auto later = ports_.rpc.call_all(again, kAnswer);
    for (size_t i = 0; i < late.size(); ++i) answers[late[i]] = std::move(later[i]);
  }
}

Status StoreTransfer::ask_all(const std::vector<StoreMember>& members, std::string_view command,
                              const Json& request) {
  std::vector<MachineRpc::Call> calls;
  for (const StoreMember& member : members) {
    calls.push_back({{member.machine, Target::agent, std::string(command)}, request});
  }
  const auto answers = ask(calls, kStoreStep);
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i]) continue;
    Error error = answers[i].error();
    return fail(std::move(error).with("machine", members[i].machine.str()));
  }
  return {};
}

Result<Json> StoreTransfer::ask(const MachineId& machine, std::string_view command,
                                const Json& request, std::chrono::milliseconds limit) {
  return std::move(ask({{{machine, Target::agent, std::string(command)}, request}}, limit).front());
}

// Who copies. Where the store is already, a copy need not travel.
const MachineId& StoreTransfer::first_of(const Work& work) {
  const auto& members = work.call.next.members;
  const auto stays = std::ranges::find_if(members, [&](const StoreMember& member) {
    return work.report.before.includes(member.machine);
  });
  return stays == members.end() ? members.front().machine : stays->machine;
}

Status StoreTransfer::start_servers(Work& work) {
  note(work, Phase::apply, std::format("starting {} servers of epoch {}",
                                       work.call.next.members.size(), work.call.next.epoch));
  StoreCall call = work.call;
  call.secret = secret_of(ports_.entropy);
  Status prepared = ask_all(call.next.members, kStorePrepare, to_json(call));
  if (prepared) return {};
  Error error = std::move(prepared).error();
  for (const Context& entry : error.context) {
    if (entry.key != "machine") continue;
    return fail(std::move(error).at("machine " + name_of(work.roster, MachineId(entry.value))));
  }
  return fail(std::move(error));
}

// Servers that start at the same moment may never become one store (kStoreStarts): then others are
// started in their place.
Status StoreTransfer::prepare(Work& work, const std::stop_token& cancel) {
  for (int starts = 1;; ++starts) {
    TRY(start_servers(work));
    note(work, Phase::apply, "waiting until it can be copied to");
    const Status formed =
        asked(ask(first_of(work), kStoreForm, to_json(work.call), kStoreForming));
    const bool apart = !formed && (formed.error().code == Code::unavailable ||
                                   formed.error().code == Code::timeout);
    if (!apart || starts == kStoreStarts || cancel.stop_requested()) return formed;
    note(work, Phase::apply, "they are not one store: " + formed.error().line());
    discard(work);
  }
}

Status StoreTransfer::copy(Work& work) {
  note(work, Phase::apply, "the store takes no writes");
  // Any of those that hold it can; of several one may be away.
  Result<Json> frozen = fail(Code::unavailable, "nobody who holds the store answers");
  for (const StoreMember& member : work.report.before.members) {
    frozen = ask(member.machine, kStoreFreeze, to_json(work.call), kStoreStep);
    if (frozen || frozen.error().code != Code::unavailable) break;
  }
  if (!frozen) return fail(std::move(frozen).error());
  TRY(check_not_settled(work));
  note(work, Phase::apply, "copying every stream");
  const Json copied =
      TRY(ask(first_of(work), kStoreCopy, to_json(work.call), kStoreDecision));
  work.report.copied = TRY(copied_store_from_json(copied));
  note(work, Phase::apply, std::format("{} messages are copied and compared",
                                       work.report.copied.messages));
  return {};
}

// Who settles an operation looks at the store after it wrote the journal, and this looks at the journal
// after it froze the store: one of them sees the other.
Status StoreTransfer::check_not_settled(const Work& work) {
  const auto found = TRY(find_operation(ports_.records, work.operation.id));
  if (found && !found->operation.ended() && found->operation.attempt == work.operation.attempt) {
    return {};
  }
  return fail(Code::conflict,
              std::format("operation {} was given up meanwhile", work.operation.id.str()));
}

Status StoreTransfer::before_commit(Work& work, const std::stop_token& cancel) {
  TRY(prepare(work, cancel));
  if (cancel.stop_requested()) return fail(Code::canceled, "canceled");
  TRY(copy(work));
  if (cancel.stop_requested()) return fail(Code::canceled, "canceled");
  return {};
}

// Whoever holds the store answers what was decided, so it is asked until it does.
Result<Decision> StoreTransfer::decide(Work& work, std::string_view command) {
  Result<Decision> decision = fail(Code::unavailable, "nobody who holds the store answers");
  for (int attempt = 0; attempt < kDecisionTries; ++attempt) {
    for (const StoreMember& member : work.report.before.members) {
      const auto answer = ask(member.machine, command, to_json(work.call), kStoreStep);
      decision = answer ? decision_from_json(*answer) : Result<Decision>(fail(answer.error()));
      if (decision) return decision;
    }
    ports_.clock.sleep_for(kAskAgain, {});
  }
  return decision;
}

void StoreTransfer::discard(Work& work) {
  (void)ask_all(work.call.next.members, kStoreDiscard, to_json(work.call));
}

void StoreTransfer::await_machines(Work& work, uint64_t epoch, uint64_t limit_ms) {
  const uint64_t until = ports_.clock.steady_ms() + limit_ms;
  std::vector<const Machine*> waiting;
  for (const Machine& machine : work.roster.machines) waiting.push_back(&machine);
  while (true) {
    std::vector<MachineRpc::Call> calls;
    for (const Machine* machine : waiting) {
      calls.push_back({{machine->id, Target::agent, std::string(kStoreEpoch)}, Json::object()});
    }
    const auto answers = ports_.rpc.call_all(calls, kPing);
    std::vector<const Machine*> left;
    for (size_t i = 0; i < answers.size(); ++i) {
      const uint64_t follows = answers[i] ? get_uint_or(*answers[i], "epoch", 0).value_or(0) : 0;
      if (follows < epoch) left.push_back(waiting[i]);
    }
    waiting = std::move(left);
    if (waiting.empty() || ports_.clock.steady_ms() >= until) break;
    ports_.clock.sleep_for(kAskAgain, {});
  }
  for (const Machine* machine : waiting) work.report.silent.push_back(machine->name);
}

Operation StoreTransfer::operation_of(const StoreReport& report) {
  Operation operation;
  operation.id = OperationId(new_ulid(ports_.clock, ports_.entropy));
  operation.kind = kStorePromote;
  operation.plan.kind = kStorePromote;
  operation.coordinator = self_;
  operation.phase = Phase::apply;
  operation.started_at_ms = ports_.clock.wall_ms();
  operation.plan.changes = {
      {Change::Kind::replace, std::string(kResource),
       std::format("{}{} on {}", kEpochWord, report.after.epoch, join(report.machines))}};
  return operation;
}

Status StoreTransfer::end(Operation& operation, Journal& journal, bool committed) {
  operation.outcome = committed ? Outcome::committed : Outcome::failed;
  operation.phase = committed ? Phase::cleanup : Phase::apply;
  operation.ended_at_ms = ports_.clock.wall_ms();
  Status saved = journal.save(operation);
  if (saved || !committed || journal.state() != Journal::State::replaced) return saved;
  // Somebody took it for given up, and the store knows better.
  const auto found = TRY(find_operation(ports_.records, operation.id));
  if (!found || found->operation.outcome == operation.outcome) return saved;
  Journal anew(ports_.records, ports_.clock);
  anew.adopt(found->revision);
  operation.attempt = found->operation.attempt;
  return anew.save(operation);
}

// Whoever died in the middle of a move left the store frozen perhaps, and the journal open. A machine that
// does not answer is taken for dead: should it live, its move is given up (check_not_settled).
Status StoreTransfer::end_earlier() {
  for (const JournaledOperation& found : TRY(unfinished_operations(ports_.records, kStorePromote))) {
    const OperationId& id = found.operation.id;
    const Coordination now = coordination_of(found.operation, ports_.rpc);
    if (now == Coordination::under_way) {
      return fail(Code::conflict, std::format("the store is being moved by operation {}", id.str()),
                  std::format("wait for that: ployzctl op watch {}", id.str()));
    }
    if (now != Coordination::untold) (void)TRY(settle(id));
  }
  return {};
}

Result<StoreReport> StoreTransfer::run(const StoreRequest& request, const Events& events,
                                       std::stop_token cancel) {
  if (!request.preview) TRY(end_earlier());
  Work work{TRY(read_roster(ports_.records)), {}, {}, events, {},
            Journal(ports_.records, ports_.clock)};
  const uint64_t epoch = TRY(read_store_epoch(ports_.records));
  StoreReport& report = work.report;
  report.preview = request.preview;
  report.before = store_of(work.roster.machines, epoch);
  report.after = TRY(plan_store(request, work.roster.machines, epoch));
  for (const StoreMember& member : report.after.members) {
    report.machines.push_back(name_of(work.roster, member.machine));
  }
  if (report.after.members == report.before.members) {
    report.after.epoch = epoch;
    if (!report.preview) await_machines(work, epoch, kFollowedMs);
    return report;
  }
  if (request.preview) return report;
  work.operation = operation_of(report);
  report.operation = work.operation.id;
  work.call = {work.operation.id, report.after, ""};
  const MovesUnderWay::Entry under_way(ports_.moves, work.operation.id);
  TRY(work.journal.save(work.operation));
  return move(work, cancel);
}

Result<StoreReport> StoreTransfer::move(Work& work, const std::stop_token& cancel) {
  StoreReport& report = work.report;
  Status ready = before_commit(work, cancel);
  if (ready) note(work, Phase::commit, "deciding");
  const auto decision = decide(work, ready ? kStoreCommit : kStoreAbort);
  if (ready && !decision) {
    // Neither is known: whoever holds the store decides when it is back, and everybody follows that.
    Error error = decision.error();
    error.effect = Effect::unknown;
    error.hint = "ployzctl op resume " + report.operation.str() + " settles it";
    return fail(std::move(error).at("the store's move is not decided"));
  }
  if (decision && decision->state == TransferState::committed) {
    report.outcome = Outcome::committed;
    report.frozen_ms = decision->frozen_ms;
    note(work, Phase::flip, std::format("the store is of epoch {}", report.after.epoch));
    await_machines(work, report.after.epoch, kFollowMs);
    (void)end(work.operation, work.journal, true);  // settled by whoever looks at it, if not now
    return report;
  }
  discard(work);
  if (ready) ready = fail(Code::timeout, "the store was frozen for too long, and was given up");
  work.operation.error = ready.error();
  (void)end(work.operation, work.journal, false);
  return fail(std::move(ready).error().with("operation", report.operation.str()));
}

// The store itself tells: it is of the epoch that the operation was for, or it is not, and then the
// operation is given up where it may still be under way.
Result<bool> StoreTransfer::has_moved(const Operation& operation, uint64_t epoch) {
  const Roster roster = TRY(read_roster(ports_.records));
  const StoreEpoch now = store_of(roster.machines, TRY(read_store_epoch(ports_.records)));
  if (now.epoch >= epoch) {
    // Another operation may have made that epoch. Stores of before this was recorded do not say.
    const auto maker = TRY(maker_of(ports_.records, epoch));
    return !maker || *maker == operation.id;
  }
  const Events quiet;
  Work work{roster, {}, {operation.id, {epoch, now.members}, ""}, quiet, operation,
            Journal(ports_.records, ports_.clock)};
  work.report.before = now;
  return TRY(decide(work, kStoreAbort)).state == TransferState::committed;
}

Result<Operation> StoreTransfer::settle(const OperationId& id) {
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  Operation& operation = found->operation;
  if (operation.ended() || operation.plan.changes.empty()) return std::move(operation);
  const std::string& detail = operation.plan.changes.front().detail;
  const uint64_t wanted = std::strtoull(
      detail.c_str() + std::min(kEpochWord.size(), detail.size()), nullptr, 10);
  const bool moved = TRY(has_moved(operation, wanted));
  Journal journal(ports_.records, ports_.clock);
  journal.adopt(found->revision);
  ++operation.attempt;
  operation.coordinator = self_;
  TRY(end(operation, journal, moved));
  // Its coordinator may live, and have frozen the store only now: check_not_settled.
  if (!moved && TRY(has_moved(operation, wanted))) TRY(end(operation, journal, true));
  return std::move(operation);
}

}  // namespace ployz

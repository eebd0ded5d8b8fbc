#include "mesh/machine_removal.h"

#include <algorithm>
#include <format>

#include "base/join.h"
#include "engine/session.h"
#include "mesh/machine_drain.h"
#include "mesh/machine_state.h"
#include "mesh/member_sync.h"
#include "mesh/revocation.h"
#include "mesh/roster.h"
#include "mesh/store_handover.h"
#include "mesh/store_transfer.h"
#include "plan/placement.h"

namespace ployz {
namespace {

using End = RemovalReport::End;

// It writes one small file before it answers.
constexpr auto kTellTimeout = std::chrono::milliseconds(5000);

std::vector<Machine> others_of(const Machine& machine, std::vector<Machine> all) {
  std::erase_if(all, [&](const Machine& each) { return each.id == machine.id; });
  return all;
}

// Nobody has told it to leave yet, nor revoked what it is.
bool may_stay(const Machine* record) {
  return record != nullptr && record->state != MachineState::leaving;
}

std::string command_of(const RemovalRequest& request, std::string_view machine) {
  return std::format("ployzctl machine rm {}{}{}{}", machine, request.force ? " --force" : "",
                     request.keep_data ? " --keep-data" : "",
                     request.replicas == 0 ? "" : std::format(" --replicas {}", request.replicas));
}

// Nobody agreed yet to what would be lost.
Status check_consent(const RemovalRequest& request, const RemovalReport& report) {
  if (request.yes) return {};
  Error error{Code::precondition, Effect::none, "", "", {}};
  for (const LostVolume& volume : report.lost_volumes) {
    error.context.push_back({std::format("{}/{}", volume.name_space.str(), volume.volume.str()),
                             volume.copies.empty() ? "lost" : "lost, an older copy is elsewhere"});
  }
  for (const LostService& service : report.lost_services) {
    error.context.push_back({std::format("{}/{}", service.name_space.str(), service.service.str()),
                             std::string(to_string(service.fate))});
  }
  if (!request.keep_data) {
    for (const DatasetLeft& left : report.only_there) {
      error.context.push_back({std::format("{}/{}", left.name_space.str(), left.volume.str()),
                               std::format("dataset {} is nowhere else", left.dataset.str())});
    }
  }
  const std::string command = command_of(request, report.machine.name);
  if (request.force) {
    error.message = std::format("machine {} is given up, with {} volumes", report.machine.name,
                                report.lost_volumes.size());
  } else if (!error.context.empty()) {
    error.message = std::format("machine {} has {} datasets that are nowhere else",
                                report.machine.name, error.context.size());
  } else {
    return {};
  }
  error.hint = std::format("see them: {} --dry-run; go on: {} --yes{}", command, command,
                           request.force ? "" : "; leave them on its disk: --keep-data");
  return fail(std::move(error));
}

}  // namespace

void MachineRemoval::note(const Run& run, std::string text) {
  if (!run.events) return;
  run.events({run.removal.id(), ports_.clock.wall_ms(), run.removal.operation().phase,
              Event::Kind::note, std::move(text)});
}

PlanIdentity MachineRemoval::identity() {
  return {OperationId(new_ulid(ports_.clock, ports_.entropy)), ports_.entropy.next_u64()};
}

Result<Snapshot> MachineRemoval::ask_all(const MachineId& machine) {
  SnapshotQuery query;
  query.images = images_on(machine, TRY(ports_.engine.stored()));
  query.datasets = true;
  return ports_.engine.snapshot(query);
}

// What was asked for by the one that this goes on with. As long as the machine may stay, the newer
// wish counts.
Result<RemovalRequest> MachineRemoval::with_earlier(const RemovalRequest& request) {
  const Snapshot stored = TRY(ports_.engine.stored());
  // A machine that came in under the name of one that is being settled still is another.
  const Machine* named = find_machine(stored, request.machine);
  const auto found =
      TRY(unfinished_removal(ports_.records, named == nullptr ? request.machine : named->id.str()));
  if (!found) return request;
  const Removal earlier(ports_.records, ports_.clock, *found);
  RemovalRequest merged = earlier.request();
  merged.machine = earlier.machine().str();
  if (may_stay(find_machine(stored, earlier.machine()))) {
    merged.force = request.force;
    merged.keep_data = request.keep_data || merged.keep_data;
    if (request.replicas != 0) merged.replicas = request.replicas;
    merged.yes = request.yes;
  }
  return merged;
}

Status MachineRemoval::look_at_member(const RemovalRequest& request, const Snapshot& stored,
                                      RemovalReport& report) {
  const Machine& machine = report.machine;
  const std::vector<Machine> others = others_of(machine, stored.machines);
  if (others.empty()) {
    return fail(Code::precondition,
                std::format("machine {} is the last one of the network", machine.name),
                "end the network with it: ployzctl mesh destroy");
  }
  if (machine.id == config_.self) {
    return fail(
        Code::precondition,
        std::format("machine {} is this very machine, which cannot see its own removal "
                    "through",
                    machine.name),
        std::format("run the same command on another one, such as {}", others.front().name));
  }
  if (const auto move = TRY(plan_handover(machine, request, others))) {
    for (const std::string& id : move->machines) {
      report.store.push_back(find_machine(stored, MachineId(id))->name);
    }
  }
  if (request.force) return look_at_loss(report);
  // It was told, and nothing is left there.
  return machine.state == MachineState::leaving ? Status() : look_at_drain(request, report);
}

Status MachineRemoval::look_at_drain(const RemovalRequest& request, RemovalReport& report) {
  MachineDrain drain = this->drain();
  DrainReport drained = TRY(drain.preview(report.machine.id.str()));
  report.steps = std::move(drained.steps);
  if (request.keep_data) {
    report.deletes = std::move(drained.stays);
    return {};
  }
  return look_at_data(report);
}

Status MachineRemoval::look_at_data(RemovalReport& report) {
  const Snapshot snapshot = TRY(ask_all(report.machine.id));
  const DrainPlan plan = TRY(plan_drain(report.machine.id, snapshot, identity()));
  report.only_there = only_there(report.machine.id, plan.stays, snapshot);
  report.deletes = plan.stays;
  return {};
}

Status MachineRemoval::look_at_loss(RemovalReport& report) {
  const Snapshot snapshot = TRY(ask_all(report.machine.id));
  if (snapshot.facts.contains(report.machine.id)) {
    return fail(Code::precondition, std::format("machine {} answers", report.machine.name),
                "nothing of it has to be lost: ployzctl machine rm " + report.machine.name);
  }
  Loss loss = plan_loss(report.machine.id, snapshot, identity());
  report.lost_services = std::move(loss.services);
  report.lost_volumes = std::move(loss.volumes);
  for (LossMove& move : loss.moves) {
    report.steps.push_back(
        {.name_space = move.request.name_space, .changes = std::move(move.plan.changes)});
  }
  return {};
}

Result<RemovalReport> MachineRemoval::preview(const RemovalRequest& asked) {
  const RemovalRequest request = TRY(with_earlier(asked));
  const Snapshot stored = TRY(ports_.engine.stored());
  RemovalReport report;
  report.force = request.force;
  report.keep_data = request.keep_data;
  if (const Machine* machine = find_machine(stored, request.machine)) {
    report.machine = *machine;
    TRY(look_at_member(request, stored, report));
    return report;
  }
  const auto tombstone = TRY(find_tombstone(ports_.records, request.machine));
  if (!tombstone) {
    return fail(known_machine(stored, request.machine).error());
  }
  report.machine = tombstone->machine;
  if (!TRY(unfinished_removal(ports_.records, report.machine.id.str()))) {
    report.end = End::unchanged;
  } else if (request.force) {
    TRY(look_at_loss(report));
  }
  return report;
}

Result<Removal> MachineRemoval::begin(const RemovalRequest& request, const Machine& machine) {
  if (auto found = TRY(unfinished_removal(ports_.records, machine.id.str()))) {
    Removal removal(ports_.records, ports_.clock, *std::move(found));
    Phase phase = removal.operation().phase;
    if (may_stay(find_machine(TRY(ports_.engine.stored()), machine.id))) {
      removal.ask(request);
      phase = Phase::apply;
    }
    TRY(removal.take_over(config_.self, phase));
    return removal;
  }
  Removal removal(ports_.records, ports_.clock, OperationId(new_ulid(ports_.clock, ports_.entropy)),
                  config_.self, machine, request);
  TRY(removal.save());
  return removal;
}

Result<RemovalReport> MachineRemoval::run(const RemovalRequest& asked, const EventSink& events,
                                          std::stop_token cancel) {
  const RemovalRequest request = TRY(with_earlier(asked));
  RemovalReport report = TRY(preview(request));
  if (report.end == End::unchanged) return report;
  TRY(check_consent(request, report));
  Removal removal = TRY(begin(request, report.machine));
  report.operation = removal.id();
  report.steps.clear();
  return work({std::move(removal), request, std::move(report), events, std::move(cancel)});
}

RemovalReport MachineRemoval::work(Run run) {
  run.report.end = End::failed;
  const auto steps = [&]() -> Status {
    if (!run.request.force) {
      TRY(empty(run));
      TRY(hand_over(run));
      TRY(tell(run));
    } else if (run.removal.operation().phase == Phase::apply) {
      TRY(run.removal.enter(Phase::commit));
    }
    if (run.request.force) TRY(hand_over(run));
    TRY(revoke_and_confirm(run));
    run.report.end = End::cleanup_pending;
    return lose(run);
  };
  RemovalReport& report = run.report;
  if (Status done = steps(); !done) {
    report.error = std::move(done).error();
    report.error->hint += std::format("{}go on: {}", report.error->hint.empty() ? "" : "; ",
                                      command_of(run.request, report.machine.name));
    if (run.removal.was_taken_over()) return std::move(report);
    const bool out = report.end == End::cleanup_pending;
    // Told to leave, it cannot stay: the operation has not ended.
    const bool told = run.removal.operation().phase != Phase::apply;
    const Outcome outcome = out                          ? Outcome::committed_cleanup_pending
                            : told                       ? Outcome::interrupted
                            : report.end == End::aborted ? Outcome::aborted
                                                         : Outcome::failed;
    (void)run.removal.end(outcome, report.error);
    return std::move(report);
  }
  report.end = report.host_leaves || run.request.force ? End::removed : End::cleanup_pending;
  if (report.end == End::cleanup_pending) {
    report.error =
        Error{Code::unavailable,
              Effect::none,
              std::format("machine {} is out of the network, but did not say that it cleans itself",
                          report.machine.name),
              "on that host: ployzctl mesh destroy --force",
              {}};
  }
  // Whatever is left now is done on that host, not by this operation.
  if (Status ended = run.removal.end(Outcome::committed, report.error); !ended) {
    report.error = std::move(ended).error();
    report.end = End::cleanup_pending;
  }
  return std::move(report);
}

// Until nothing is left there and its record says that it leaves.
Status MachineRemoval::empty(Run& run) {
  RemovalReport& report = run.report;
  if (run.removal.operation().phase != Phase::apply) return {};
  const std::string id = report.machine.id.str();
  note(run, std::format("draining machine {}", report.machine.name));
  MachineDrain drain = this->drain();
  DrainReport drained = TRY(drain.run(id, run.events, run.cancel));
  report.steps = std::move(drained.steps);
  report.machine = std::move(drained.machine);
  if (drained.error) {
    if (drained.end == DrainReport::End::aborted) report.end = End::aborted;
    return fail(*std::move(drained.error));
  }
  if (!run.request.keep_data) {
    // Data may have come while it was drained, or have lost its name.
    TRY(look_at_data(report));
    TRY(check_consent(run.request, report));
  }
  if (run.cancel.stop_requested()) {
    report.end = End::aborted;
    return fail(Code::canceled, "canceled");
  }
  TRY(run.removal.enter(Phase::commit));
  const auto drained_still = [](const Machine& now) -> Status {
    if (now.state == MachineState::drained) return {};
    return fail(Code::conflict,
                std::format("machine {} was put to {} meanwhile", now.name, to_string(now.state)));
  };
  auto changed = change_machine_state(ports_.records, ports_.clock, report.machine.id,
                                      MachineState::leaving, drained_still);
  if (!changed) {
    // It may stay: nobody was told.
    TRY(run.removal.enter(Phase::apply));
    return fail(std::move(changed).error());
  }
  report.machine = std::move(changed->machine);
  return {};
}

// The store, if it has it, while it still answers. Whoever has not heard of the move yet would look for
// the store where nobody is any more, so all others must follow before it goes on.
Status MachineRemoval::hand_over(Run& run) {
  const Snapshot stored = TRY(ports_.engine.stored());
  const Machine* leaver = find_machine(stored, run.report.machine.id);
  if (leaver == nullptr) return {};
  const auto move =
      TRY(plan_handover(*leaver, run.request, others_of(*leaver, stored.machines)));
  if (!move) return {};
  note(run, "handing over the control plane's store");
  StoreTransfer transfer(config_.self, {ports_.records, ports_.rpc, ports_.clock, ports_.entropy,
                                        ports_.moves});
  const StoreReport moved = TRY(transfer.run(*move, run.events, run.cancel));
  const std::string behind = join(moved.silent | std::views::filter([&](const std::string& name) {
                                    return name != leaver->name;
                                  }));
  if (behind.empty()) return {};
  return fail(Code::unavailable, "the store has moved, and these have not followed yet: " + behind);
}

Status MachineRemoval::tell(Run& run) {
  RemovalReport& report = run.report;
  if (run.removal.operation().phase == Phase::flip) {
    report.host_leaves = true;
    return {};
  }
  const Json request = to_json(LeaveRequest{run.removal.id(), run.request.keep_data});
  for (int turn = 1; turn <= config_.tell_tries && !report.host_leaves; ++turn) {
    const auto answer = ports_.rpc.call({report.machine.id, Target::agent, std::string(kLeave)},
                                        request, kTellTimeout);
    report.host_leaves = answer.has_value();
    if (!report.host_leaves && turn < config_.tell_tries) {
      (void)ports_.clock.sleep_for(config_.tell_pause, {});
    }
  }
  if (!report.host_leaves) {
    note(run,
         std::format("machine {} does not answer; nothing is left there", report.machine.name));
    return {};
  }
  note(run, std::format("machine {} leaves", report.machine.name));
  return run.removal.enter(Phase::flip);
}

Status MachineRemoval::revoke_and_confirm(Run& run) {
  RemovalReport& report = run.report;
  const std::string& name = report.machine.name;
  TRY(revoke(ports_.records, ports_.clock,
             {report.machine, {run.removal.id(), 0, run.request.force}, report.host_leaves}));
  note(run, std::format("the credentials of machine {} are revoked", name));
  const std::vector<Machine> members =
      others_of(report.machine, TRY(read_roster(ports_.records)).machines);
  const auto silent = sync_members(ports_.rpc, ports_.clock, members, {report.machine.id, false},
                                   config_.sync_again);
  for (const SilentMember& member : silent) report.unconfirmed.push_back(member.name);
  note(run, std::format("{} of {} members confirm that it is out", members.size() - silent.size(),
                        members.size()));
  return {};
}

Status MachineRemoval::lose(Run& run) {
  RemovalReport& report = run.report;
  const Snapshot snapshot = TRY(ask_all(report.machine.id));
  const Loss loss = plan_loss(report.machine.id, snapshot, identity());
  std::string failed;
  for (const LossMove& move : loss.moves) {
    if (const Status done = lose_in(run, move); !done) {
      failed += std::format("{}namespace {}: {}", failed.empty() ? "" : "; ",
                            move.request.name_space.str(), done.error().line());
    }
  }
  if (failed.empty()) return {};
  return fail(Code::unavailable,
              std::format("machine {} is out, but not all that stood there is settled: {}",
                          report.machine.name, failed));
}

Status MachineRemoval::lose_in(Run& run, const LossMove& move) {
  Result<Operation> done = fail(Code::internal, "not tried");
  for (int turn = 1; turn <= config_.lose_tries; ++turn) {
    done = ports_.engine.run(Request(move.request), run.events, run.cancel);
    // Somebody works on it: or did, on the machine that is lost, and then the lease expires.
    if (done || done.error().code != Code::conflict) break;
    if (!ports_.clock.sleep_for(config_.lose_pause, run.cancel)) break;
  }
  if (!done) return fail(std::move(done).error());
  if (done->outcome == Outcome::unchanged) return {};
  run.report.steps.push_back({.name_space = move.request.name_space,
                              .changes = done->plan.changes,
                              .operation = done->id,
                              .outcome = done->outcome});
  if (done->outcome == Outcome::committed) return {};
  return fail(done->error.value_or(
      Error{Code::internal,
            Effect::none,
            std::format("operation {} ended as {}", done->id.str(), to_string(done->outcome)),
            "",
            {}}));
}

Result<Operation> MachineRemoval::resume(const OperationId& id, const EventSink& events,
                                         std::stop_token cancel) {
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  if (found->operation.ended()) return std::move(found->operation);
  RemovalRequest request = Removal(ports_.records, ports_.clock, *found).request();
  request.machine = machine_of(found->operation, kMachineRm).str();
  TRY(run(request, events, std::move(cancel)));
  auto now = TRY(find_operation(ports_.records, id));
  return now ? std::move(now->operation) : std::move(found->operation);
}

Result<Operation> MachineRemoval::abort(const OperationId& id) {
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  if (found->operation.ended()) return std::move(found->operation);
  Removal removal(ports_.records, ports_.clock, *std::move(found));
  if (removal.operation().phase != Phase::apply) {
    return fail(Code::precondition,
                std::format("the machine of operation {} is leaving already", id.str()),
                "go on: ployzctl op resume " + id.str());
  }
  TRY(removal.take_over(config_.self));
  TRY(removal.end(Outcome::aborted,
                  Error{Code::canceled,
                        Effect::none,
                        "canceled",
                        "the machine takes instances again after: ployzctl machine activate",
                        {}}));
  return removal.operation();
}

}  // namespace ployz

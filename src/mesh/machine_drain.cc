#include "mesh/machine_drain.h"

#include <algorithm>
#include <format>

#include "engine/session.h"
#include "mesh/machine_state.h"
#include "model/measured.h"
#include "plan/placement.h"

namespace ployz {
namespace {

using End = DrainReport::End;

// How far back unfinished operations are looked for.
constexpr size_t kLookBack = 500;
// Moves of one drain; more than any network has workloads on a machine. Somebody who deploys there all
// the while cannot keep it going for ever.
constexpr int kMaxMoves = 2000;

Request engine_request(const DrainMove& move) {
  return std::visit([](const auto& one) { return Request(one); }, move.request);
}

DrainStep step_of(DrainMove move) {
  return {.name_space = move.name_space(),
          .services = std::move(move.services),
          .volumes = std::move(move.volumes),
          .to = std::move(move.to),
          .bytes = move.bytes,
          .images = std::move(move.images),
          .stops_within = move.stops_within,
          .ready_within = move.ready_within,
          .changes = std::move(move.plan.changes)};
}

// It may still place something there, or remove something from there.
bool concerns(const Operation& operation, const MachineId& machine) {
  const auto here = [&](const Step& step) {
    return step.machine == machine && step.target == Target::agent;
  };
  return std::ranges::any_of(operation.plan.apply, here) ||
         std::ranges::any_of(operation.plan.cleanup, here);
}

std::vector<FoundInstance> strays_on(const MachineId& machine, const Snapshot& snapshot) {
  std::vector<FoundInstance> strays;
  for (const FoundInstance& found : snapshot.facts.at(machine).instances) {
    const auto newest = snapshot.newest.find(found.name_space);
    const bool committed =
        newest != snapshot.newest.end() &&
        std::ranges::any_of(newest->second.commit.services, [&](const CommittedService& service) {
          return std::ranges::contains(service.instances, found.id, &CommittedInstance::id);
        });
    if (!committed) strays.push_back(found);
  }
  return strays;
}

Error as_failure(const Operation& operation) {
  Error error = operation.error.value_or(Error{
      Code::internal, Effect::none, std::format("it ended as {}", to_string(operation.outcome)), "", {}});
  return std::move(error).at(std::format("{} of namespace {} (operation {})", operation.kind,
                                         operation.name_space.str(), operation.id.str()));
}

}  // namespace

Result<MachineDrain::Look> MachineDrain::look(std::string_view name_or_id) {
  const Snapshot stored = TRY(ports_.engine.stored());
  const MachineId machine = TRY(known_machine(stored, name_or_id))->id;
  SnapshotQuery query;
  query.images = images_on(machine, stored);
  query.datasets = true;
  const Snapshot snapshot = TRY(ports_.engine.snapshot(query));
  const PlanIdentity identity{OperationId(new_ulid(ports_.clock, ports_.entropy)),
                              ports_.entropy.next_u64()};
  Look look;
  look.plan = TRY(plan_drain(machine, snapshot, identity));
  look.machine = *TRY(known_machine(snapshot, machine.str()));
  look.strays = strays_on(machine, snapshot);
  if (!look.plan.misfits.empty()) {
    return fail(misfit_error(look.machine.name, look.plan.misfits));
  }
  return look;
}

Result<DrainReport> MachineDrain::preview(const std::string& name) {
  Look look = TRY(this->look(name));
  DrainReport report;
  report.machine = std::move(look.machine);
  report.stays = std::move(look.plan.stays);
  const bool done = report.machine.state == MachineState::drained && look.plan.moves.empty();
  report.end = done ? End::unchanged : End::preview;
  for (DrainMove& move : look.plan.moves) report.steps.push_back(step_of(std::move(move)));
  return report;
}

Result<DrainReport> MachineDrain::run(const std::string& name, const EventSink& events,
                                      std::stop_token cancel) {
  DrainReport report = TRY(preview(name));
  if (report.end == End::unchanged) return report;
  report.steps.clear();
  const MachineId id = report.machine.id;
  report.machine = TRY(change_machine_state(ports_.records, ports_.clock, id,
                                            MachineState::draining))
                       .machine;
  report.end = End::failed;
  if (Status moved = move_all(report, events, cancel); !moved) {
    report.error = std::move(moved).error();
    report.error->hint += std::format("{}the machine is still draining; go on: ployzctl machine drain "
                                      "{}, or give it up: ployzctl machine activate {}",
                                      report.error->hint.empty() ? "" : "; ", report.machine.name,
                                      report.machine.name);
    return report;
  }
  const auto still_draining = [](const Machine& now) -> Status {
    if (now.state == MachineState::draining) return {};
    return fail(Code::conflict, std::format("machine {} was put to {} meanwhile", now.name,
                                            to_string(now.state)));
  };
  auto changed = change_machine_state(ports_.records, ports_.clock, id, MachineState::drained,
                                      still_draining);
  if (!changed) {
    report.error = std::move(changed).error();
    return report;
  }
  report.machine = std::move(changed->machine);
  report.end = End::drained;
  return report;
}

// Operations that were begun before nothing new was to come: one that lives is waited for by running
// the command again, one that was interrupted is finished or undone.
Status MachineDrain::settle(const MachineId& machine, const EventSink& events) {
  for (const Operation& operation : TRY(ports_.engine.operations(kLookBack))) {
    if (operation.ended() || !concerns(operation, machine)) continue;
    if (operation.outcome == Outcome::running) {
      return fail(Code::conflict,
                  std::format("operation {} ({} of namespace {}) is at work there",
                              operation.id.str(), operation.kind, operation.name_space.str()),
                  std::format("watch it: ployzctl op watch {}", operation.id.str()));
    }
    const bool committed = operation.committed_sequence > 0;
    const auto settled = committed ? ports_.engine.resume(operation.id, events, {})
                                   : ports_.engine.abort(operation.id, events);
    // That it turned out to be committed, and was finished, is no failure.
    if (!settled && settled.error().code != Code::precondition) return fail(settled.error());
    const Operation now = TRY(ports_.engine.operation(operation.id));
    if (!now.ended()) return fail(as_failure(now));
  }
  return {};
}

Status MachineDrain::move_all(DrainReport& report, const EventSink& events,
                              const std::stop_token& cancel) {
  const MachineId id = report.machine.id;
  for (int moves = 0; moves < kMaxMoves; ++moves) {
    if (cancel.stop_requested()) {
      report.end = End::aborted;
      return fail(Code::canceled, "canceled");
    }
    TRY(settle(id, events));
    Look look = TRY(this->look(id.str()));
    report.stays = std::move(look.plan.stays);
    if (!look.plan.moves.empty()) {
      TRY(move(std::move(look.plan.moves.front()), report, events, cancel));
      continue;
    }
    if (look.strays.empty()) return {};
    const FoundInstance& stray = look.strays.front();
    return fail(Code::precondition,
                std::format("machine {} still has container {} of {}/{}", report.machine.name,
                            stray.id.str(), stray.name_space.str(), stray.service.str()),
                std::format("see: ployzctl op show {}", stray.operation.str()));
  }
  return fail(Code::conflict,
              std::format("machine {} gets new work all the while", report.machine.name));
}

Status MachineDrain::move(DrainMove move, DrainReport& report, const EventSink& events,
                          const std::stop_token& cancel) {
  for (const ImageCopy& copy : move.images) {
    TRY(ports_.copy_image(copy, report.machine.id, events, cancel));
  }
  const Request request = engine_request(move);
  const Operation operation = TRY(ports_.engine.run(request, events, cancel));
  if (operation.outcome == Outcome::unchanged) return {};  // somebody else did it
  DrainStep& step = report.steps.emplace_back(step_of(std::move(move)));
  step.operation = operation.id;
  step.outcome = operation.outcome;
  step.measured = measured(operation);
  step.changes = operation.plan.changes;
  if (operation.outcome == Outcome::committed) return {};
  if (operation.outcome == Outcome::committed_cleanup_pending) report.end = End::cleanup_pending;
  if (operation.outcome == Outcome::aborted) report.end = End::aborted;
  return fail(as_failure(operation));
}

}  // namespace ployz

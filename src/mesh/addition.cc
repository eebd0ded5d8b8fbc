#include "mesh/addition.h"

#include <format>

namespace ployz {
namespace {

// How far back unfinished ones are looked for.
constexpr size_t kLookBack = 500;
// From the operation's record to its admission; longer than the slowest store.
constexpr uint64_t kBeginningMs = 60'000;

}  // namespace

MachineId subject_of(const Operation& operation) {
  if (operation.kind != kMachineAdd || operation.plan.claims.empty()) return {};
  return operation.plan.claims.front().machine;
}

Addition::Addition(KeyValue& records, Clock& clock, const OperationId& id,
                   const MachineId& coordinator, const MachineId& machine, const std::string& name)
    : clock_(clock), journal_(records, clock) {
  operation_.id = id;
  operation_.kind = kMachineAdd;
  operation_.plan.kind = kMachineAdd;
  operation_.coordinator = coordinator;
  operation_.phase = Phase::apply;
  operation_.started_at_ms = clock.wall_ms();
  Claim claim;
  claim.machine = machine;
  operation_.plan.claims = {std::move(claim)};
  operation_.plan.changes = {{Change::Kind::create, "machine " + name, ""}};
}

Addition::Addition(KeyValue& records, Clock& clock, JournaledOperation found)
    : clock_(clock), operation_(std::move(found.operation)), journal_(records, clock) {
  journal_.adopt(found.revision);
}

Status Addition::take_over(const MachineId& coordinator) {
  ++operation_.attempt;
  operation_.coordinator = coordinator;
  operation_.outcome = Outcome::running;
  operation_.phase = Phase::apply;
  operation_.error.reset();
  return save();
}

Status Addition::enter(Phase phase, bool undoing) {
  operation_.phase = phase;
  operation_.undoing = undoing;
  return save();
}

Status Addition::end(Outcome outcome, std::optional<Error> error) {
  operation_.outcome = outcome;
  operation_.error = std::move(error);
  operation_.ended_at_ms = clock_.wall_ms();
  return save();
}

void Addition::describe_subnet(const std::string& subnet) {
  operation_.plan.changes.front().detail = subnet;
}

Result<std::vector<JournaledOperation>> unfinished_additions(KeyValue& records) {
  std::vector<JournaledOperation> found = TRY(list_operations(records, kLookBack));
  std::erase_if(found, [](const JournaledOperation& journaled) {
    return journaled.operation.ended() || subject_of(journaled.operation).empty();
  });
  return found;
}

Result<std::optional<JournaledOperation>> unfinished_addition(KeyValue& records,
                                                              const MachineId& machine) {
  for (JournaledOperation& journaled : TRY(unfinished_additions(records))) {
    if (subject_of(journaled.operation) == machine) return std::optional(std::move(journaled));
  }
  return std::optional<JournaledOperation>();
}

void tell_outcome(Operation& operation, const Roster& roster, uint64_t now_ms) {
  const MachineId machine = subject_of(operation);
  if (machine.empty() || operation.ended()) return;
  const RecordedAdmission* recorded = roster.admission(machine);
  const bool live = recorded && recorded->admission.operation == operation.id &&
                    is_live(recorded->admission, now_ms);
  const bool beginning = operation.started_at_ms + kBeginningMs > now_ms;
  operation.outcome = live || beginning ? Outcome::running : Outcome::interrupted;
}

}  // namespace ployz

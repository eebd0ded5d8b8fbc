#include "mesh/machine_operation.h"

namespace ployz {
namespace {

// How far back unfinished ones are looked for.
constexpr size_t kLookBack = 500;

}  // namespace

MachineId machine_of(const Operation& operation, std::string_view kind) {
  if (operation.kind != kind || operation.plan.claims.empty()) return {};
  return operation.plan.claims.front().machine;
}

Result<std::vector<JournaledOperation>> unfinished_operations(KeyValue& records,
                                                              std::string_view kind) {
  std::vector<JournaledOperation> found = TRY(list_operations(records, kLookBack));
  std::erase_if(found, [&](const JournaledOperation& journaled) {
    return journaled.operation.ended() || journaled.operation.kind != kind;
  });
  return found;
}

Result<std::vector<JournaledOperation>> unfinished_of(KeyValue& records, std::string_view kind) {
  std::vector<JournaledOperation> found = TRY(unfinished_operations(records, kind));
  std::erase_if(found, [&](const JournaledOperation& journaled) {
    return machine_of(journaled.operation, kind).empty();
  });
  return found;
}

Operation MachineOperation::begin(std::string_view kind, const OperationId& id,
                                  const MachineId& coordinator, const MachineId& machine) {
  Operation operation;
  operation.id = id;
  operation.kind = kind;
  operation.plan.kind = kind;
  operation.coordinator = coordinator;
  operation.phase = Phase::apply;
  Claim claim;
  claim.machine = machine;
  operation.plan.claims = {std::move(claim)};
  return operation;
}

MachineOperation::MachineOperation(KeyValue& records, Clock& clock, Operation fresh,
                                   std::vector<Change> changes)
    : clock_(clock), operation_(std::move(fresh)), journal_(records, clock) {
  operation_.started_at_ms = clock.wall_ms();
  operation_.plan.changes = std::move(changes);
}

MachineOperation::MachineOperation(KeyValue& records, Clock& clock, JournaledOperation found)
    : clock_(clock), operation_(std::move(found.operation)), journal_(records, clock) {
  journal_.adopt(found.revision);
}

Status MachineOperation::take_over(const MachineId& coordinator, Phase phase) {
  ++operation_.attempt;
  operation_.coordinator = coordinator;
  operation_.outcome = Outcome::running;
  operation_.phase = phase;
  operation_.error.reset();
  return save();
}

Status MachineOperation::enter(Phase phase, bool undoing) {
  operation_.phase = phase;
  operation_.undoing = undoing;
  return save();
}

Status MachineOperation::end(Outcome outcome, std::optional<Error> error) {
  operation_.outcome = outcome;
  operation_.error = std::move(error);
  operation_.ended_at_ms = operation_.ended() ? clock_.wall_ms() : 0;
  return save();
}

}  // namespace ployz

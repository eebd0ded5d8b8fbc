#include "mesh/addition.h"

namespace ployz {
namespace {

// From the operation's record to its admission; longer than the slowest store.
constexpr uint64_t kBeginningMs = 60'000;

}  // namespace

MachineId subject_of(const Operation& operation) {
  return machine_of(operation, kMachineAdd);
}

Result<std::vector<JournaledOperation>> unfinished_additions(KeyValue& records) {
  return unfinished_of(records, kMachineAdd);
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

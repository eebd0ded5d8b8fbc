// The journal entry of an operation that is about one machine and no namespace: `machine add`,
// `machine rm`. An Operation in the store's operations, so that `op ls` shows it and any daemon can
// go on with it. Every write is a compare-and-set: whoever takes it over stops the one before.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/journal.h"
#include "model/machine.h"
#include "model/operation.h"

namespace ployz {

// The machine it is about; empty for one of another kind.
[[nodiscard]] MachineId machine_of(const Operation& operation, std::string_view kind);
// Of this kind, not ended, newest first.
[[nodiscard]] Result<std::vector<JournaledOperation>> unfinished_operations(KeyValue& records,
                                                                            std::string_view kind);
// Those of them that are about a machine.
[[nodiscard]] Result<std::vector<JournaledOperation>> unfinished_of(KeyValue& records,
                                                                    std::string_view kind);

class MachineOperation {
 public:
  [[nodiscard]] const Operation& operation() const { return operation_; }
  [[nodiscard]] const OperationId& id() const { return operation_.id; }

  // Writes it. `conflict`: somebody else has taken it over; nothing of it may be touched then.
  [[nodiscard]] Status save() { return journal_.save(operation_); }
  // From now on this daemon works on it: the former one's next write is refused.
  // It is at `phase` then.
  [[nodiscard]] Status take_over(const MachineId& coordinator, Phase phase = Phase::apply);
  [[nodiscard]] Status enter(Phase phase, bool undoing = false);
  // Of an operation that has not ended with it (cleanup pending) `error` says what is left.
  [[nodiscard]] Status end(Outcome outcome, std::optional<Error> error = std::nullopt);
  [[nodiscard]] bool was_taken_over() const { return journal_.state() == Journal::State::replaced; }

 protected:
  // A new one, not written yet; what it changes, the machine itself first.
  MachineOperation(KeyValue& records, Clock& clock, Operation fresh, std::vector<Change> changes);
  // One that was found.
  MachineOperation(KeyValue& records, Clock& clock, JournaledOperation found);
  [[nodiscard]] static Operation begin(std::string_view kind, const OperationId& id,
                                       const MachineId& coordinator, const MachineId& machine);
  // How people call the machine it is about.
  void name(const Machine& machine) { operation_.plan.machine_names[machine.id] = machine.name; }
  [[nodiscard]] Change& change() { return operation_.plan.changes.front(); }

 private:
  Clock& clock_;
  Operation operation_;
  Journal journal_;
};

}  // namespace ployz

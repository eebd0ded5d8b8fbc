// The journal entry of one `machine add`: an Operation of kind "machine_add" in the store's
// operations, so that `op ls` shows it and any daemon can end it. Every write is a compare-and-set;
// the order of writes decides between an activation and a withdrawal that meet.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/machine_operation.h"
#include "mesh/roster.h"
#include "model/operation.h"

namespace ployz {

inline constexpr std::string_view kMachineAdd = "machine_add";

// The machine it is about; empty for another kind.
[[nodiscard]] MachineId subject_of(const Operation& operation);

class Addition : public MachineOperation {
 public:
  // A new one, not written yet.
  Addition(KeyValue& records, Clock& clock, const OperationId& id, const MachineId& coordinator,
           const MachineId& machine, const std::string& name)
      : MachineOperation(records, clock, begin(kMachineAdd, id, coordinator, machine),
                         {{Change::Kind::create, "machine " + name, ""}}) {}
  // One that was found.
  Addition(KeyValue& records, Clock& clock, JournaledOperation found)
      : MachineOperation(records, clock, std::move(found)) {}

  void describe_subnet(const std::string& subnet) { change().detail = subnet; }
};

// Those that have not ended, newest first.
[[nodiscard]] Result<std::vector<JournaledOperation>> unfinished_additions(KeyValue& records);
[[nodiscard]] Result<std::optional<JournaledOperation>> unfinished_addition(
    KeyValue& records, const MachineId& machine);

// What a reader is told: `running` while the machine may still come in (or the first seconds, in
// which its admission is being made), `interrupted` after that. Others are left as they are.
void tell_outcome(Operation& operation, const Roster& roster, uint64_t now_ms);

}  // namespace ployz

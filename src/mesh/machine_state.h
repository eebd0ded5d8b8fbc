// The state of a machine's record: whether it takes new placements. Every change is a compare-and-set
// of the record as it was read, so of two operators at the same moment each sees what the other did.
//
//   active    takes new instances
//   draining  takes none, what it runs is being moved away
//   drained   takes none and runs none
//   standby   takes none, what it runs goes on
//   leaving   takes none and runs none; it was told to leave the network, and no other state comes after
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/machine.h"
#include "plan/snapshot.h"
#include "plan/workloads.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

struct ChangedState {
  Machine machine;       // as it is now
  bool changed = false;  // by this call
};

// Rewrites a machine's record, once more whenever somebody else was quicker. `change` answers false when
// there is nothing to change. Errors: `not_found`; those of `change`; `conflict` when somebody else won
// every round; the store's.
using MachineChange = std::function<Result<bool>(Machine& now)>;
[[nodiscard]] Result<ChangedState> change_machine(KeyValue& records, Clock& clock,
                                                  const MachineId& machine,
                                                  const MachineChange& change);

// Whether a machine that is as given may get the new state; asked again when somebody else was quicker.
using StateGuard = std::function<Status(const Machine& now)>;

// Writes `to` into the machine's record; nothing else of it changes. Idempotent: `changed` is false when
// it is so already, and the guard is not asked then.
// Errors: `not_found`; `precondition`: it is leaving; the guard's; `conflict` when somebody else won every round; the store's.
[[nodiscard]] Result<ChangedState> change_machine_state(KeyValue& records, Clock& clock,
                                                        const MachineId& machine, MachineState to,
                                                        const StateGuard& guard = {});

struct StandbyRequest {
  std::string machine;   // name or id
  bool force = false;    // also when workloads run there
  bool preview = false;  // say what it would do, change nothing
};

struct StateReport {
  Machine machine;
  bool changed = false;  // or would be, of a preview
  bool preview = false;
  std::vector<Workload> workloads;  // that stay there
};

// The machine takes no new placements; what it runs stays. `not_found`; `precondition`, nothing was
// changed: workloads stand there and `force` was not said, or it is being drained.
[[nodiscard]] Result<StateReport> put_on_standby(const StandbyRequest& request,
                                                 const Snapshot& snapshot, KeyValue& records,
                                                 Clock& clock);
// The machine takes placements again, whatever it was before. `not_found`.
[[nodiscard]] Result<StateReport> put_in_service(std::string_view machine, bool preview,
                                                 const Snapshot& snapshot, KeyValue& records,
                                                 Clock& clock);

}  // namespace ployz

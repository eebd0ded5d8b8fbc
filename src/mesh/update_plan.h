// Which machines get another version, in which order, and whether that may be. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/update_calls.h"
#include "mesh/update_report.h"
#include "model/machine.h"

namespace ployz {

// A member as it was just asked.
struct UpdateMember {
  Machine machine;
  std::optional<UpdateState> state;  // absent: see `silent`
  std::optional<Error> silent;
};

struct UpdateView {
  MachineId self;           // whose daemon coordinates: last, because it is replaced, too
  std::string version;      // wanted
  std::string architecture; // of its package
  std::vector<std::string> machines;  // names or ids; none: all
  std::vector<UpdateMember> members;
  OperationId going_on;  // whose updates may run on machines already; empty: none
};

// One step for each machine that is meant: those without the store first, then those that hold it,
// then `self`; each sorted by name. Machines that have the version are steps with nothing to do
// (Fate::unchanged), the others are Fate::waiting.
// Errors, by the first thing that is in the way: `invalid`: no version; `not_found`: no such machine;
// `unavailable`: one that is meant does not answer; `precondition`: it is not installed as a package,
// is of another architecture, is leaving, is being updated, or does not serve as it should; or the
// network would have machines that are more than one minor version apart, before, after or meanwhile.
[[nodiscard]] Result<std::vector<MachineUpdated>> plan_update(const UpdateView& view);

}  // namespace ployz

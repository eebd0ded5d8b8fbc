// What becomes of the control-plane store when a machine that holds it is removed. The one place
// that `machine rm` asks, before it changes anything.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "mesh/store_report.h"
#include "model/machine.h"

namespace ployz {

// The move of the store that has to come first: as many copies as now, those that hold one stay, and
// the machine longest in the network takes the leaver's. Nullopt: it holds none. `precondition`: too few
// others could, or `lost` (it does not answer) and it held the only copy.
[[nodiscard]] Result<std::optional<StoreRequest>> plan_handover(const Machine& leaver, bool lost,
                                                                std::vector<Machine> others);

}  // namespace ployz

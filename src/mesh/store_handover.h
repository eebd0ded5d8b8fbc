// What becomes of the control-plane store when a machine that holds it is removed. The one place
// that `machine rm` asks, before it changes anything.
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "mesh/removal.h"
#include "mesh/store_report.h"
#include "model/machine.h"

namespace ployz {

// The move of the store that has to come first: as many copies as now, or as the request says; those
// that hold one stay first, then the machine longest in the network comes. Nullopt: it holds none.
// `precondition`: too few others could, or it is removed by force (does not answer) and held the only
// copy. `invalid`: so many copies cannot be.
[[nodiscard]] Result<std::optional<StoreRequest>> plan_handover(const Machine& leaver,
                                                                const RemovalRequest& request,
                                                                std::vector<Machine> others);

}  // namespace ployz

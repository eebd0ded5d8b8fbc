// What becomes of the control-plane store when a machine that holds it is removed. The one place that
// `machine rm` asks, before it changes anything.
#pragma once

#include <vector>

#include "base/result.h"
#include "model/machine.h"

namespace ployz {

// `precondition`: it holds the store, which has to be moved to another machine first.
[[nodiscard]] Status check_store_handover(const Machine& leaver,
                                          const std::vector<Machine>& others);

}  // namespace ployz

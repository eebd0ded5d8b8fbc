// The order in which steps run: a wave is every step whose predecessors lie in earlier waves, and
// runs in parallel.
#pragma once

#include <vector>

#include "model/plan.h"

namespace ployz {

// Pointers into `steps`, each wave in the list's order. `steps` must be acyclic (validate(Plan)).
[[nodiscard]] std::vector<std::vector<const Step*>> waves_of(const std::vector<Step>& steps);

}  // namespace ployz

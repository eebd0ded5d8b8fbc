// What an agent answers when a mutation has its way with it.
#pragma once

#include "sim/world/machine.h"

namespace ployz::sim {

// Nullopt: as always.
[[nodiscard]] std::optional<Result<Json>> answer_of_mutant(Cluster& cluster, SimMachine& machine,
                                                           const std::string& command,
                                                           const Json& request);

}  // namespace ployz::sim

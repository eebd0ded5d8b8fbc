// The settled world is exactly its newest commits: every instance of them runs, nothing else does,
// and every gateway and DNS server shows their projection.
#pragma once

#include "sim/world/world.h"

namespace ployz::sim {

void check_settled(World& world);

// Every machine that lives serves the newest commits, without any command: it saw them in the log.
void check_caught_up(World& world);

}  // namespace ployz::sim

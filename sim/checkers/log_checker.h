// The commit log is linear: every commit's parent is the newest of its namespace before it.
#pragma once

#include "sim/world/world.h"

namespace ployz::sim {

void check_log(World& world);

}  // namespace ployz::sim

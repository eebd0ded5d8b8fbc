// The parts a machine consists of, asked just now: what `status` and `mesh ready` show.
#pragma once

#include <vector>

#include "api/types.h"
#include "member.h"

namespace ployz {

[[nodiscard]] ComponentReport containers_component(const LocalDrivers& drivers);
// Store, overlay, router, gateway and DNS of a member.
[[nodiscard]] std::vector<ComponentReport> components_of(Member& member,
                                                         const LocalDrivers& drivers);

}  // namespace ployz

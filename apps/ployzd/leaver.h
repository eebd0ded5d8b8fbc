// `mesh destroy`: this machine is as before it belonged to a network. What identifies it goes last,
// so a run that was cut off is continued by the same command.
#pragma once

#include "founder.h"
#include "identity.h"
#include "member.h"

namespace ployz {

// `precondition`: it runs instances, or its network has other members.
[[nodiscard]] Status check_may_leave(Member* member, const LocalDrivers& drivers);

// Instances, units, tunnel, bridge, files. The identity is marked incomplete first.
[[nodiscard]] Status leave(Identity identity, const Paths& paths, const LocalDrivers& drivers,
                           const Progress& progress);

}  // namespace ployz

// `mesh destroy`: this machine is as before it belonged to a network. What identifies it goes last,
// so a run that was cut off is continued by the same command.
#pragma once

#include "founder.h"
#include "identity.h"
#include "member.h"

namespace ployz {

// `precondition`: it has instances, or datasets that would go, or its network has other members.
[[nodiscard]] Status check_may_leave(Member* member, const LocalDrivers& drivers, bool keep_data);

// The network forgets this machine: its record and its claim of a subnet. Its keys go next, so it can
// never answer again, and a silent member would refuse every further machine. When the store is not
// reached the record stays, and that is told.
void leave_records(Member& member, const LocalDrivers& drivers, const Progress& progress);

// Instances, units, tunnel, bridge, files; the storage pool unless it left by a request to keep the
// data. The identity is marked incomplete first.
[[nodiscard]] Status leave(Identity identity, const Paths& paths, const LocalDrivers& drivers,
                           const Progress& progress);

}  // namespace ployz

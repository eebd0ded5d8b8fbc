// The holder of a join token, on a machine that is none yet: comes onto the overlay with the
// token's key and asks one of the network's machines over its peer port to be let in. The same
// admission as `machine add`'s comes back, with the bytes carried differently.
#pragma once

#include "founder.h"
#include "identity.h"
#include "member.h"
#include "model/join_token.h"

namespace ployz {

// Afterwards the tunnel is gone again, whatever came of it. `denied`: the invite is not good any
// more; `unavailable`: no machine of the network was reached; on effect unknown this machine may
// have been let in, and asks again with the same identity.
[[nodiscard]] Result<JoinBundle> ask_as_guest(const JoinToken& token, const Identity& identity,
                                              const LocalDrivers& drivers,
                                              const Progress& progress);

}  // namespace ployz

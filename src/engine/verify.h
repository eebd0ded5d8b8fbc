// What an interrupted operation counts on, looked at before it goes on.
#pragma once

#include "engine/session.h"

namespace ployz {

// The instances that its steps started still run, the datasets and snapshots that they made are
// there, and no pause of writers is in the middle: that one is over by now. `precondition` naming
// what is not so; else the machines' errors.
[[nodiscard]] Status verify_applied(Session& session);

}  // namespace ployz

// After the commit: every gateway and DNS server of the operation confirms that it serves it.
#pragma once

#include "engine/session.h"

namespace ployz {

// Asks every router of the plan until it has confirmed or flip_timeout has passed, and sets
// op.unconfirmed to the names of the machines that did not, the silent ones included. True when all
// routers that took part in the operation confirmed: only then may what they served be removed.
// A requested cancel ends the waiting.
[[nodiscard]] bool flip(Session& session);

}  // namespace ployz

// Asking participants, live, before anything is changed.
#pragma once

#include "engine/session.h"

namespace ployz {

// Every claim of the plan at its machine, and every router it needs, in one scatter-gather. The
// error names every machine that objects: `conflict` or `precondition` when another plan may do
// better, `unavailable` when a machine does not answer.
[[nodiscard]] Status probe_claims(Session& session);

}  // namespace ployz

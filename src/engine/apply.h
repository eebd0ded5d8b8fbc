// The reversible steps before the commit, and the steps of the cleanup after it.
#pragma once

#include "engine/session.h"

namespace ployz {

// Runs plan.apply wave by wave; steps that are done already are left out. Journalled: a step that
// can be undone is recorded as started before it is sent. Ends at the first wave with a failure;
// the caller undoes. `canceled`: the operator stopped it; a wait in progress is cut short by
// undoing what it waits for. A journal that cannot be written shows in session.journal.state().
[[nodiscard]] Status apply_steps(Session& session);

// Runs plan.cleanup: every step whose predecessors are done, going on past failures. The first
// failure is returned; doing it again is safe.
[[nodiscard]] Status cleanup_steps(Session& session);

}  // namespace ployz

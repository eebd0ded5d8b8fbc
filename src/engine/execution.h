// The way of one journalled operation from any phase to its end. Every function returns the
// operation as it was left, with its outcome recorded as far as the store could be reached.
#pragma once

#include "engine/session.h"

namespace ployz {

// apply, commit, flip, cleanup; undoes when it fails before the commit. The claims are held.
[[nodiscard]] Operation run_forward(Session& session);
// The first append of an operation whose steps are done, then as above. A cancel undoes it instead.
[[nodiscard]] Operation commit_and_finish(Session& session);
// The append of one whose journal says `commit`: a former attempt may have appended it already, so
// no cancel is listened to any more, and nothing undone unless the log refuses it.
[[nodiscard]] Operation append_and_finish(Session& session);
// flip and cleanup; op.committed_sequence is set.
[[nodiscard]] Operation finish_committed(Session& session);
// Undoes. Outcome `aborted` when `cause` is `canceled`, else `failed`; `interrupted` when something
// could not be undone or the journal could not be written: never reported as clean.
[[nodiscard]] Operation take_back(Session& session, Error cause);

}  // namespace ployz

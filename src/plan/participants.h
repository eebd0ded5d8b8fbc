// Who takes part in an operation, and on what it stands. Pure.
#pragma once

#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "model/machine.h"
#include "plan/snapshot.h"

namespace ployz {

// The newest commit with its sequence, a tombstone too; nullptr: the namespace never existed.
[[nodiscard]] const CommitEntry* newest_entry(const Snapshot& snapshot, const NamespaceName& name);
// The newest commit unless it removed the namespace.
[[nodiscard]] const Commit* live_commit(const Snapshot& snapshot, const NamespaceName& name);

// Every machine that answers: each has a router that must prepare, flip and drain. `precondition`
// when one of them says that its router does not answer, or when none answers at all. Silent
// machines take no part; they follow the log when they are back.
[[nodiscard]] Result<std::vector<const Machine*>> router_participants(const Snapshot& snapshot);

}  // namespace ployz

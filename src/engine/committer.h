// The point of no return: one append to the commit log, and what to make of an answer that did not
// come. Never undoes anything itself.
#pragma once

#include "engine/session.h"

namespace ployz {

struct CommitVerdict {
  enum class Kind {
    committed,      // our commit is in the log, at `sequence`
    not_committed,  // it is not, and never will be; `error` says why
    unknown,        // nobody can say while the store is away; `error`
  };
  Kind kind = Kind::unknown;
  uint64_t sequence = 0;
  Error error;
};

// Appends plan.commit at plan.expected_sequence, repeating the same append on unknown outcomes.
// The journal must say phase = commit before.
[[nodiscard]] CommitVerdict append_commit(Session& session);

// Settles an append that a former coordinator may have begun, without wanting it: appends a fence
// (the parent's content under a new id) at the same expectation. Of the two exactly one can ever
// be accepted, however late the other arrives.
[[nodiscard]] CommitVerdict fence_commit(Session& session);

}  // namespace ployz

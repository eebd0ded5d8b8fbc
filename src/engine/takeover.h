// Operations that another coordinator, or a former life of this one, left behind.
#pragma once

#include "engine/context.h"
#include "engine/session.h"

namespace ployz {

enum class Wish {
  settle,  // on the way to another command: finish what is committed, undo what is not
  resume,  // go on from where it stopped
  abort,   // undo; what turns out to be committed is finished instead
};

// Takes the operation over (attempt + 1) and brings it to an end as far as possible; the result may
// still be unfinished, with the reason in its error. An ended operation is returned as it is.
// Errors: `not_found`; `conflict`: it is live elsewhere, or somebody else took it over at the same
// time; `precondition`: to abort what is committed; `corrupt`; the store's.
[[nodiscard]] Result<Operation> take_over(const EngineContext& context, const OperationId& id,
                                          Wish wish, const EventSink& events,
                                          std::stop_token cancel);

// Makes the namespace's lease free to be taken: settles the operation it names, and any other of
// the namespace that is known to be unfinished. Returns the revision to take it over from (0: there
// is none). Errors: `conflict` naming the live operation;
// the unfinished one's own error when it cannot be settled now.
[[nodiscard]] Result<uint64_t> clear_the_way(const EngineContext& context,
                                             const NamespaceName& name_space,
                                             const EventSink& events, std::stop_token cancel);

struct SeenLease {
  const LeaseRecord& record;
  std::string key;
  uint64_t revision;
};

// Somebody else works under this lease now, as far as we can tell.
[[nodiscard]] bool is_live(const EngineContext& context, const SeenLease& lease);

}  // namespace ployz

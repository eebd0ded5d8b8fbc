// What operations have asked to be kept ready and have not committed yet: their backends must not be
// retired. Remembers, too, which operations gave theirs back, so that a late PrepareRoutes is
// refused. Bounded; not thread-safe; a restart of the router forgets it (a late PrepareRoutes is
// accepted then, and given back after kPreparedTtlMs).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "ports/gateway.h"

namespace ployz {

// Prepare is the last step before the commit; the engine's own lease is far shorter.
inline constexpr uint64_t kPreparedTtlMs = 10 * 60'000;
// Operations remembered after they ended or were given back: hours of a busy CI.
inline constexpr size_t kMaxRememberedOperations = 4096;

class Preparations {
 public:
  // `conflict` when a higher attempt was seen.
  [[nodiscard]] Status admit(const OperationId& operation, uint64_t attempt);
  // `conflict` when the operation gave its routes back.
  [[nodiscard]] Status refuse_discarded(const OperationId& operation) const;
  void pin(const Commit& candidate, const std::vector<Backend>& backends, uint64_t now_ms);
  void unpin(const OperationId& operation) { pinned_.erase(operation); }
  // Refused from now on. Returns what it had pinned.
  std::set<BackendKey> discard(const OperationId& operation);
  // The namespace's newest commit: ends the preparation of every candidate made for an older one,
  // because its compare-and-set has succeeded (this is it) or will fail. The loser's keys are not
  // pinned any more, but remembered for its discard.
  void settle(const NamespaceName& name_space, uint64_t newest);
  void expire(uint64_t now_ms);

  [[nodiscard]] bool pins(const BackendKey& key) const;
  [[nodiscard]] bool holds(const OperationId& operation) const {
    const auto found = pinned_.find(operation);
    return found != pinned_.end() && !found->second.settled;
  }

 private:
  struct Pinned {
    NamespaceName name_space;
    uint64_t parent = 0;
    std::set<BackendKey> keys;
    uint64_t at_ms = 0;
    bool settled = false;
  };
  struct Known {
    uint64_t attempt = 0;
    bool discarded = false;
  };
  Known& known(const OperationId& operation);

  std::map<OperationId, Pinned> pinned_;
  std::map<OperationId, Known> known_;
  std::deque<OperationId> order_;  // of known_, oldest first
};

}  // namespace ployz

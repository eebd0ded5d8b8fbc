// Which moves of the store this machine's daemon coordinates just now. The journal says who began one;
// whether somebody is still at it only that daemon knows, and tells whoever asks ("store_epoch"). So a
// move whose coordinator died is given up as soon as that daemon is back, and not when kStoreDecision has
// passed.
#pragma once

#include <mutex>
#include <vector>

#include "base/result.h"
#include "engine/journal.h"
#include "ports/machine_rpc.h"

namespace ployz {

// Of one life of a daemon. Thread-safe.
class MovesUnderWay {
 public:
  // As long as it exists, the move is under way. Not longer than what it came from.
  class Entry {
   public:
    Entry(MovesUnderWay& moves, OperationId operation);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    MovesUnderWay& moves_;
    const OperationId operation_;
  };

  [[nodiscard]] std::vector<OperationId> list() const;

 private:
  mutable std::mutex mutex_;
  std::vector<OperationId> operations_;
};

// The answer to "store_epoch": the epoch that a machine follows, and what it coordinates.
[[nodiscard]] Json store_epoch_answer(uint64_t epoch, const MovesUnderWay& moves);

enum class Coordination {
  under_way,
  over,    // its coordinator's daemon works on it no more
  silent,  // that machine does not answer
  untold,  // it answers, and is too old to say
};
// Asks the coordinator, which must have had its Entry before the operation was in the journal.
[[nodiscard]] Coordination coordination_of(const Operation& operation, MachineRpc& rpc);

// For who holds the store and finds it frozen: its coordinator says that it does not work on it.
[[nodiscard]] Result<bool> is_abandoned(KeyValue& records, MachineRpc& rpc, const OperationId& operation);

}  // namespace ployz

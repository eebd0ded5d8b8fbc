// How the machines that hold the store decide whether it moves on: what may begin, which decision
// holds, when writes are let in again, and what everybody makes of it. The same code runs on real
// machines (apps/ployzd/store_host.h) and in the simulation (sim/world/store_site.h).
//
// Several machines may hold it, and each may stand still between any two calls and go on a minute later.
// So nothing here rests on having read something before: whoever lets writes in, or keeps them out,
// looks again afterwards whether that is what the newest record says.
#pragma once

#include <optional>

#include "base/result.h"
#include "mesh/store_calls.h"
#include "model/machine.h"
#include "model/store.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

// Of the store in force, as a machine that holds it reaches it. Errors: those of KeyValue.
class TransferLog {
 public:
  virtual ~TransferLog() = default;
  // Nullopt: there was no transfer yet.
  [[nodiscard]] virtual Result<std::optional<StoredTransfer>> newest() = 0;
  // `conflict`, effect none: `expected` (0: none) is not the newest.
  [[nodiscard]] virtual Result<uint64_t> append(const TransferRecord& record,
                                                uint64_t expected) = 0;
  // `conflict`: some stream takes writes.
  [[nodiscard]] virtual Status check_frozen() = 0;
  // Every stream but this one; one after the other, so an error may leave some. Repeated: nothing.
  [[nodiscard]] virtual Status set_frozen(bool frozen) = 0;
};

// Whether a machine that follows `now` may start a server for this transfer. Each comes before the
// freeze of its operation, so one that arrives after any has begun is late, and could destroy what is
// copied just then. `precondition`: the store has moved on, or this was given up; `conflict`: a
// transfer is under way.
[[nodiscard]] Status check_prepare(const Machine& self, const StoreEpoch& now,
                                   const std::optional<StoredTransfer>& newest,
                                   const StoreCall& call);

// The record that it begins, and the freeze. Repeated: the same again. `conflict`: another transfer is
// under way, or this one was decided already.
[[nodiscard]] Status begin_transfer(TransferLog& log, const StoreEpoch& now, const StoreCall& call,
                                    uint64_t wall_ms);
// What was decided of it, which is `wanted` if nothing was. Writes are let in again if it is this
// operation that was given up: those of another are none of its business.
[[nodiscard]] Result<TransferState> decide_transfer(TransferLog& log, const StoreCall& call,
                                                    TransferState wanted);
// Makes the freeze what the newest record says.
[[nodiscard]] Status enforce_decision(TransferLog& log);

// What a machine that follows `now`, and reads this as the newest record of its store, does next.
enum class StoreMove {
  none,
  go_over,  // to record.next
  give_up,  // nobody has decided in time, or will
  discard,  // what was prepared for it
};
// `abandoned`: whoever coordinates it works on it no more (mesh/moves_under_way.h).
[[nodiscard]] StoreMove next_move(const Machine& self, const StoreEpoch& now,
                                  const std::optional<StoredTransfer>& newest, uint64_t wall_ms,
                                  bool abandoned = false);
// Whether this machine has to know that.
[[nodiscard]] bool waits_for_decision(const Machine& self, const StoreEpoch& now,
                                      const std::optional<StoredTransfer>& newest);

// What a copied store says of itself: its epoch, which operation made it, who holds it. Repeated:
// nothing.
[[nodiscard]] Status write_place(KeyValue& records, Clock& clock, const StoreCall& call);
// Which operation made an epoch of the store, as the store says; nullopt: it does not.
[[nodiscard]] Result<std::optional<OperationId>> maker_of(KeyValue& records, uint64_t epoch);
// What was decided of a transfer whose epoch has come, or has passed. `unavailable`: the store does not
// say, because it is not of that epoch yet.
[[nodiscard]] Result<TransferState> decided_before(KeyValue& records, const StoreCall& call);

}  // namespace ployz

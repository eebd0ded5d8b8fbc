// The operation's record in the store. Every write is a compare-and-set on the revision of the
// last, so a coordinator that was replaced is stopped at its next write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/operation.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

// Ended operations beyond this many newest are forgotten: 1,000 records of some 10 kB.
inline constexpr size_t kKeptOperations = 1000;

struct JournaledOperation {
  Operation operation;
  uint64_t revision = 0;
};

// Nullopt: no such operation. `corrupt`: the record does not parse.
[[nodiscard]] Result<std::optional<JournaledOperation>> find_operation(KeyValue& records,
                                                                       const OperationId& id);

class Journal {
 public:
  Journal(KeyValue& records, Clock& clock) : records_(records), clock_(clock) {}

  // The state of the last write, which decides whether anything may still be done.
  enum class State { fine, replaced, away };

  void adopt(uint64_t revision) { revision_ = revision; }
  // The first call creates the record. `conflict`: somebody took the operation over (state
  // `replaced`). Any other error: the store is away (state `away`) and the write may still arrive.
  [[nodiscard]] Status save(const Operation& operation);
  [[nodiscard]] State state() const { return state_; }

 private:
  KeyValue& records_;
  Clock& clock_;
  uint64_t revision_ = 0;
  std::vector<std::string> uncertain_;  // values whose write may still have arrived
  State state_ = State::fine;
};

// Every operation that parses, newest first, at most `limit`.
[[nodiscard]] Result<std::vector<JournaledOperation>> list_operations(KeyValue& records,
                                                                      size_t limit);
// Removes ended operations beyond the kKeptOperations newest. Best effort.
void prune_operations(KeyValue& records, size_t keep);

}  // namespace ployz

// An agent's local memory of what it did, so that a repeated, late or duplicated step is answered
// with the first result instead of being done again. Real: SQLite (src/drivers/sqlite), fsynced
// before a call returns. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"

namespace ployz {

enum class StepVerb { apply, undo };

struct StepKey {
  OperationId operation;
  StepId step;
  StepVerb verb = StepVerb::apply;
  auto operator<=>(const StepKey&) const = default;
};

class StepJournal {
 public:
  virtual ~StepJournal() = default;
  // The highest attempt seen of the operation becomes max(it, attempt). `conflict` when a higher
  // one was seen already: the caller was replaced.
  [[nodiscard]] virtual Status admit(const OperationId& operation, uint64_t attempt) = 0;
  // The recorded result; nullopt: never finished here.
  [[nodiscard]] virtual Result<std::optional<Json>> find(const StepKey& key) = 0;
  [[nodiscard]] virtual Status record(const StepKey& key, const Json& result) = 0;
  // Forgets operations whose last record is older than `before_ms` (wall clock).
  [[nodiscard]] virtual Status prune(uint64_t before_ms) = 0;
};

}  // namespace ployz

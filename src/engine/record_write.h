// One compare-and-set write of a small record whose outcome is known when it returns.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

// Writes `value` where the key's revision is `expected` (0: the key has no value) and returns the
// new revision. Repeats on `unavailable` and on unknown outcomes, a bounded number of times; after
// an unknown one a refusal is settled by reading back: the same bytes are ours. So the value must
// be one that nobody else writes. Errors: `conflict` (effect none): another value is there. Any
// other error has effect unknown if one of the tries had.
[[nodiscard]] Result<uint64_t> write_record(KeyValue& records, Clock& clock, Bucket bucket,
                                            std::string_view key, std::string_view value,
                                            uint64_t expected);

// The pause before the n-th repetition (1, 2, …) of a bounded retry: 100 ms, doubling.
[[nodiscard]] std::chrono::milliseconds backoff(int repetition);

}  // namespace ployz

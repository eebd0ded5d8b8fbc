// Round trips between machines as a matrix (few machines) or a list (many).
#pragma once

#include <string>

#include "base/json.h"
#include "cli/table.h"

namespace ployz::cli {

// The widest matrix that fits a terminal of 100 columns.
inline constexpr size_t kMaxRttMatrix = 8;

// `rtt` and `machines` as the API answers them. Rows are where the measurement started.
[[nodiscard]] std::string render_rtt(const Json& rtt, const Json& machines, const Style& style);
// "850 µs", "1.50 ms".
[[nodiscard]] std::string format_microseconds(uint64_t us);

}  // namespace ployz::cli

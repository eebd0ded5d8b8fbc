// Options that say for how long something is good.
#pragma once

#include <cstdint>
#include <string>

#include "cli/command.h"

namespace ployz::cli {

// "90s", "15m", "2h"; plain numbers are seconds. In milliseconds, from 1 s to `most_ms`;
// `fallback_ms` when the option is absent.
[[nodiscard]] Result<uint64_t> lifetime_of(const Args& args, const std::string& option,
                                           uint64_t fallback_ms, uint64_t most_ms);

}  // namespace ployz::cli

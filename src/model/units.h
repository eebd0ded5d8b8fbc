// How sizes and durations are written by people: "512M", "10s".
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace ployz {

// A whole number, optionally followed by K, M, G or T (base 2), in bytes. Code::invalid otherwise
// or beyond 2^63 - 1; the message does not repeat the text.
[[nodiscard]] Result<uint64_t> parse_size(std::string_view text);

// Longest duration a manifest may ask for.
inline constexpr std::chrono::hours kMaxManifestDuration{24};

// A whole number followed by ms, s, m or h. Code::invalid otherwise or beyond 24h.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace ployz

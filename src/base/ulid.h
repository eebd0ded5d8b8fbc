// ULIDs (github.com/ulid/spec): 48 bits of milliseconds and 80 random bits in Crockford base 32.
// Sortable by creation time, never reused. Lower case here, because ids become container names.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ployz {

inline constexpr size_t kUlidLength = 26;

// `time_ms`: milliseconds since the Unix epoch; the top 16 bits are dropped.
[[nodiscard]] std::string make_ulid(uint64_t time_ms, const std::array<uint8_t, 10>& random);
[[nodiscard]] bool is_ulid(std::string_view text);

// A source of ids that is fully determined by its seed: what a planner uses, so that the same
// request, snapshot and seed give the same plan.
class SeededIds {
 public:
  SeededIds(uint64_t time_ms, uint64_t seed) : time_ms_(time_ms), state_(seed) {}
  [[nodiscard]] std::string next();

 private:
  uint64_t time_ms_;
  uint64_t state_;
};

// SplitMix64 (Steele, Lea, Flood 2014): advances `state`, returns the next value.
[[nodiscard]] uint64_t split_mix(uint64_t& state);

}  // namespace ployz

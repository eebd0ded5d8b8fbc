#include "model/units.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace ployz {
namespace {

// The digits in front and the rest; nullopt without digits or when they exceed 64 bits.
std::optional<std::pair<uint64_t, std::string_view>> split_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  return std::pair(number, text.substr(static_cast<size_t>(end - text.data())));
}

}  // namespace

Result<uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kUnits = "KMGT";
  const std::string hint = "a whole number of bytes, or one followed by K, M, G or T: \"512M\"";
  const auto parts = split_number(text);
  if (!parts || parts->second.size() > 1) return fail(Code::invalid, "is not a size", hint);
  unsigned shift = 0;
  if (!parts->second.empty()) {
    const size_t unit = kUnits.find(parts->second.front());
    if (unit == std::string_view::npos) return fail(Code::invalid, "is not a size", hint);
    shift = 10 * static_cast<unsigned>(unit + 1);
  }
  if (parts->first > (static_cast<uint64_t>(INT64_MAX) >> shift)) {
    return fail(Code::invalid, "is too large a size", hint);
  }
  return parts->first << shift;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const std::string hint = "a whole number followed by ms, s, m or h, at most 24h: \"500ms\"";
  const auto parts = split_number(text);
  uint64_t unit_ms = 0;
  if (parts && parts->second == "ms") unit_ms = 1;
  if (parts && parts->second == "s") unit_ms = 1000;
  if (parts && parts->second == "m") unit_ms = 60'000;
  if (parts && parts->second == "h") unit_ms = 3'600'000;
  if (unit_ms == 0) return fail(Code::invalid, "is not a duration", hint);
  constexpr uint64_t kMaxMs = std::chrono::milliseconds(kMaxManifestDuration).count();
  if (parts->first > kMaxMs / unit_ms) return fail(Code::invalid, "is too long a duration", hint);
  return std::chrono::milliseconds(parts->first * unit_ms);
}

}  // namespace ployz

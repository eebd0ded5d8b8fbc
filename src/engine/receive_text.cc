#include "engine/receive_text.h"

#include <array>
#include <format>
#include <string_view>

namespace ployz {
namespace {

constexpr uint64_t kEveryMs = 1000;

// Powers of ten, as networks and disks are measured.
std::string size_text(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  const bool fraction = unit > 0 && value < 9.95;
  return std::format("{:.{}f} {}", value, fraction ? 1 : 0, kUnits[unit]);
}

std::string time_text(uint64_t seconds) {
  if (seconds < 120) return std::format("{} s", seconds);
  if (seconds < 120 * 60) return std::format("{} min", seconds / 60);
  return std::format("{} h", seconds / 3600);
}

}  // namespace

std::optional<std::string> ReceiveText::next(uint64_t bytes, uint64_t total_bytes,
                                             uint64_t now_ms) {
  if (bytes == 0 || now_ms - told_ms_ < kEveryMs) return std::nullopt;
  told_ms_ = now_ms;
  const uint64_t took_ms = now_ms - began_ms_;
  const double rate = static_cast<double>(bytes) * 1000 / static_cast<double>(took_ms);
  std::string text = std::format("{}: {}", volume_, size_text(bytes));
  // The total is an estimate, and may turn out to be too small.
  const bool known = total_bytes > bytes;
  if (known) text += std::format(" of {}", size_text(total_bytes));
  text += std::format(", {}/s", size_text(static_cast<uint64_t>(rate)));
  if (known) {
    const double left = static_cast<double>(total_bytes - bytes) / rate;
    text += std::format(", {} left", time_text(static_cast<uint64_t>(left + 0.5)));
  }
  return text;
}

}  // namespace ployz

#include "cli/lifetime.h"

#include <charconv>
#include <format>

namespace ployz::cli {

Result<uint64_t> lifetime_of(const Args& args, const std::string& option, uint64_t fallback_ms,
                             uint64_t most_ms) {
  if (!args.has(option)) return fallback_ms;
  const auto text = args.get(option);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  const uint64_t factor = unit.empty() || unit == "s" ? 1000
                          : unit == "m"               ? 60'000
                          : unit == "h"               ? 3'600'000
                                                      : 0;
  if (error != std::errc() || factor == 0 || number == 0 || number > most_ms / factor) {
    return fail(
        Code::invalid,
        std::format("--{}: '{}' is not a time up to {}h", option, text, most_ms / 3'600'000),
        "as in 90s, 15m or 2h");
  }
  return number * factor;
}

}  // namespace ployz::cli

// "a, b, c" of a range of strings.
#pragma once

#include <concepts>
#include <ranges>
#include <string>
#include <string_view>

namespace ployz {

template <std::ranges::input_range Parts>
  requires std::convertible_to<std::ranges::range_reference_t<Parts>, std::string_view>
[[nodiscard]] std::string join(Parts&& parts, std::string_view separator = ", ") {
  std::string text;
  bool first = true;
  for (const auto& part : parts) {
    if (!first) text += separator;
    first = false;
    text += std::string_view(part);
  }
  return text;
}

}  // namespace ployz

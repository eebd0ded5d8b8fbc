// Text from input inside a message: one line, of bounded length, still valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace ployz {

[[nodiscard]] inline std::string quote(std::string_view text) {
  constexpr size_t kMaxQuoted = 80;
  std::string result = "'";
  for (const char c : text.substr(0, kMaxQuoted)) {
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  if (text.size() > kMaxQuoted) {
    // The cut may be inside a UTF-8 sequence: drop its tail.
    while ((static_cast<unsigned char>(result.back()) & 0x80) != 0) result.pop_back();
    result += "…";
  }
  return result + "'";
}

}  // namespace ployz

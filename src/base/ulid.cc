#include "base/ulid.h"

#include <algorithm>

namespace ployz {
namespace {
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
}

std::string make_ulid(uint64_t time_ms, const std::array<uint8_t, 10>& random) {
  std::string text(kUlidLength, '0');
  for (int i = 9; i >= 0; --i) {
    text[static_cast<size_t>(i)] = kAlphabet[time_ms & 31];
    time_ms >>= 5;
  }
  // 80 bits are exactly 16 digits of 5 bits.
  uint32_t buffer = 0;
  int bits = 0;
  size_t out = 10;
  for (uint8_t byte : random) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text[out++] = kAlphabet[(buffer >> bits) & 31];
    }
  }
  return text;
}

bool is_ulid(std::string_view text) {
  return text.size() == kUlidLength && text[0] <= '7' &&
         std::ranges::all_of(text, [](char c) { return kAlphabet.contains(c); });
}

uint64_t split_mix(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::string SeededIds::next() {
  std::array<uint8_t, 10> random{};
  uint64_t high = split_mix(state_);
  const uint64_t low = split_mix(state_);
  for (size_t i = 0; i < 8; ++i) {
    random[i] = static_cast<uint8_t>(high);
    high >>= 8;
  }
  random[8] = static_cast<uint8_t>(low);
  random[9] = static_cast<uint8_t>(low >> 8);
  return make_ulid(time_ms_, random);
}

}  // namespace ployz

#include "model/release.h"

#include <algorithm>
#include <charconv>
#include <format>

namespace ployz {
namespace {

bool is_fine(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '+' || c == '~' || c == '-';
}

// Takes a number off the front.
bool take(std::string_view& text, unsigned& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<Release> parse_release(std::string_view text) {
  Release release;
  std::string_view left = text;
  bool fine = text.size() <= kMaxReleaseText && std::ranges::all_of(text, is_fine);
  fine = fine && take(left, release.major) && take_dot(left) && take(left, release.minor);
  if (fine && take_dot(left)) fine = take(left, release.patch);
  release.rest = left;
  // A letter or a fourth number directly behind the number is nothing we know.
  fine = fine && (left.empty() || left.front() == '-' || left.front() == '+' || left.front() == '~');
  if (fine) return release;
  return fail(Code::invalid,
              std::format("'{}' is no version of Ployz", text.substr(0, kMaxReleaseText)),
              "MAJOR.MINOR.PATCH, such as 0.2.1");
}

bool same_minor(const Release& one, const Release& other) {
  return one.major == other.major && one.minor == other.minor;
}

bool work_together(const Release& one, const Release& other) {
  if (one.major != other.major) return false;
  return std::max(one.minor, other.minor) - std::min(one.minor, other.minor) <= 1;
}

}  // namespace ployz

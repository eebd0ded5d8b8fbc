// The version of a Ployz: "0.2.1", or with something behind it, "0.2.1-rc1". Which versions may be in
// one network at a time is decided by major and minor alone: machines that are one minor apart work
// together (docs/adr/0016), patches and what follows them may differ.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

struct Release {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  std::string rest;  // "-rc1", "+git1", "~beta"; compared as text
  auto operator<=>(const Release&) const = default;
};

inline constexpr size_t kMaxReleaseText = 64;

// `invalid` for anything but MAJOR.MINOR[.PATCH][REST], of letters, digits and ".+~-" only: it becomes
// the name of a file.
[[nodiscard]] Result<Release> parse_release(std::string_view text);

[[nodiscard]] bool same_minor(const Release& one, const Release& other);
// Of one minor, or of one that directly follows the other's.
[[nodiscard]] bool work_together(const Release& one, const Release& other);

}  // namespace ployz

// A broken invariant is a bug in Ployz: say where and abort, in every build. Never used on input.
#pragma once

#include <source_location>
#include <string_view>

namespace ployz {

[[noreturn]] void check_failed(std::string_view what, std::source_location where);

inline void check(bool holds, std::string_view what,
                  std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    check_failed(what, where);
}

}  // namespace ployz

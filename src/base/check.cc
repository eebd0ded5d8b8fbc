#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace ployz {

void check_failed(std::string_view what, std::source_location where) {
  std::fprintf(stderr, "ployz: broken invariant: %.*s at %s:%u in %s\n",
               static_cast<int>(what.size()), what.data(), where.file_name(), where.line(),
               where.function_name());
  std::abort();
}

}  // namespace ployz

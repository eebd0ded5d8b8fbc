// The version of this build, as in the VERSION file.
#pragma once
#include <string_view>

namespace ployz {
[[nodiscard]] std::string_view version();
}

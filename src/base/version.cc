#include "base/version.h"

namespace ployz {
std::string_view version() { return PLOYZ_VERSION; }
}  // namespace ployz

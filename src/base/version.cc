#include "base/version.h"

namespace ployz {
namespace {

// With a word before it, so that `strings` tells of a file which version it is without running it.
constexpr std::string_view kMark = "ployz-version ";
constexpr std::string_view kMarked = "ployz-version " PLOYZ_VERSION;

}  // namespace

std::string_view version() { return kMarked.substr(kMark.size()); }
}  // namespace ployz

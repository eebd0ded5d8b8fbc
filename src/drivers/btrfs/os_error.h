// errno as an Error: what a full, missing or protected filesystem means to the port's callers.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace ployz::btrfs {

// ENOSPC and EDQUOT become `precondition` with a hint, ENOENT `not_found`, EEXIST `exists`, EBUSY
// and EPERM on a subvolume `conflict` (it is mounted, or being sent), the rest `unavailable`.
[[nodiscard]] std::unexpected<Error> os_error(std::string_view what,
                                              const std::filesystem::path& path, int error);

}  // namespace ployz::btrfs

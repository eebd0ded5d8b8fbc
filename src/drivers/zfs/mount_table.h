// Who has a dataset mounted: a container sees a volume by a mount of its own namespace, which the
// pool's tools on the host do not see.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

// Whether a line of proc_pid_mountinfo(5) is a ZFS mount of that dataset. Pure.
[[nodiscard]] bool is_mount_of(std::string_view mountinfo_line, std::string_view dataset);

// A process, as "name (pid)", in whose mount namespace the dataset is; empty when there is none.
[[nodiscard]] std::string find_mounter(const std::string& dataset);

}  // namespace ployz

// Who uses a folder of the pool: a subvolume can be deleted while a container has it mounted, and
// the container would find its data gone.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace ployz::btrfs {

// Whether a process, in whatever mount namespace, has a mount whose place in its filesystem ends
// with `suffix` or lies below it ("datasets/<id>/live"; ids are unique, so this is enough).
[[nodiscard]] Result<bool> is_mounted(std::string_view suffix,
                                      const std::filesystem::path& proc = "/proc");

}  // namespace ployz::btrfs

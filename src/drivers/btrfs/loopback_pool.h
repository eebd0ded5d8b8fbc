// The default pool: a btrfs filesystem in a file of the data folder, for machines that have no
// filesystem for volumes. The unit ployz-pool.service mounts it, before the container engine starts
// (packaging/systemd); this makes the file.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace ployz::btrfs {

// Sparse: it takes the space of what is in it. What happened before a crash is either no file or a
// whole filesystem. A file that is there is left as it is, whatever its size. `precondition`: no
// mkfs.btrfs, or no room.
[[nodiscard]] Status ensure_pool_file(const std::filesystem::path& file, uint64_t size_bytes);

}  // namespace ployz::btrfs

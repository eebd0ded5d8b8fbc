// How much the files of a snapshot take: what simple quotas do not say of a clone (quotas.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/result.h"

namespace ployz::btrfs {

// The allocated bytes of all files below; a file with several names counts once. Takes some
// microseconds a file. Nullopt: there are more than `max_files`. Subvolumes below are not entered.
[[nodiscard]] Result<std::optional<uint64_t>> content_bytes(const std::filesystem::path& folder,
                                                            size_t max_files);

}  // namespace ployz::btrfs

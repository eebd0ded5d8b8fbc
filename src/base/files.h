// Small files that must survive a power cut: written whole or not at all.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

inline constexpr size_t kMaxSmallFile = 64 << 20;  // far above any state file of ours

// The file has these bytes and mode when it returns, durably: temporary file in the same folder,
// fsync, rename, fsync of the folder. Parent folders are made (0755).
[[nodiscard]] Status write_file(const std::filesystem::path& path, std::string_view bytes,
                                mode_t mode = 0644);
// Nullopt when absent; `denied` when unreadable, `corrupt` above kMaxSmallFile.
[[nodiscard]] Result<std::optional<std::string>> read_file(const std::filesystem::path& path);
// Removing the absent succeeds.
[[nodiscard]] Status remove_file(const std::filesystem::path& path);

}  // namespace ployz

// A stream names paths, and `btrfs receive` follows them as root: one made to do harm could lead
// out of the folder it is received into, by ".." or a symbolic link.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ployz::btrfs {

// What to put before a command so that it, whatever it is told, creates, writes and removes files
// nowhere but in this folder (Landlock, through setpriv(1); attributes of files elsewhere are
// beyond it). Empty where the kernel has no Landlock: the command runs as it is.
[[nodiscard]] std::vector<std::string> confined_to(const std::filesystem::path& folder);

}  // namespace ployz::btrfs

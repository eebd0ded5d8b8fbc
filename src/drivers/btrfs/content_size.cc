#include "drivers/btrfs/content_size.h"

#include <cerrno>
#include <set>

#include <sys/stat.h>

#include "drivers/btrfs/os_error.h"

namespace ployz::btrfs {
namespace {

constexpr uint64_t kBlock = 512;  // the unit of st_blocks, whatever the filesystem

}  // namespace

Result<std::optional<uint64_t>> content_bytes(const std::filesystem::path& folder,
                                              size_t max_files) {
  struct stat root{};
  if (::lstat(folder.c_str(), &root) != 0) return os_error("measuring", folder, errno);
  uint64_t bytes = 0;
  size_t files = 0;
  std::set<ino_t> linked;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::recursive_directory_iterator();
       entries.increment(error)) {
    struct stat facts{};
    if (::lstat(entries->path().c_str(), &facts) != 0) {
      return os_error("measuring", entries->path(), errno);
    }
    if (facts.st_dev != root.st_dev) {
      entries.disable_recursion_pending();
      continue;
    }
    if (++files > max_files) return std::nullopt;
    if (!S_ISREG(facts.st_mode)) continue;
    if (facts.st_nlink > 1 && !linked.insert(facts.st_ino).second) continue;
    bytes += static_cast<uint64_t>(facts.st_blocks) * kBlock;
  }
  if (error) return os_error("measuring", folder, error.value());
  return bytes;
}

}  // namespace ployz::btrfs

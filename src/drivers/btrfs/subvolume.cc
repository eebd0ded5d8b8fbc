#include "drivers/btrfs/subvolume.h"

#include <algorithm>
#include <cerrno>
#include <format>
#include <span>

#include <btrfsutil.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "drivers/btrfs/os_error.h"

namespace ployz::btrfs {
namespace {

// As btrfs(8) prints it; empty when all bytes are zero.
std::string uuid_text(std::span<const uint8_t, 16> bytes) {
  if (std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; })) return {};
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += std::format("{:02x}", bytes[i]);
  }
  return text;
}

}  // namespace

// By the ioctl and not by libbtrfsutil, which searches the tree of roots: this is called for every
// snapshot whenever datasets are listed.
Result<std::optional<Subvolume>> find_subvolume(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
    return os_error("subvolume", path, errno);
  }
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return os_error("subvolume", path, errno);
  // Of a folder inside one the ioctl would tell of that one.
  if (facts.st_ino != BTRFS_FIRST_FREE_OBJECTID) return std::nullopt;
  btrfs_ioctl_get_subvol_info_args info{};
  // It answers 1, too, when it has answered.
  if (::ioctl(fd.get(), BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0) {
    if (errno == ENOENT) return std::nullopt;  // it is just being deleted
    return os_error("subvolume", path, errno);
  }
  Subvolume found;
  found.id = info.treeid;
  found.uuid = uuid_text(info.uuid);
  found.received_uuid = uuid_text(info.received_uuid);
  found.read_only = (info.flags & BTRFS_ROOT_SUBVOL_RDONLY) != 0;
  found.created_at_ms = info.otime.sec * 1000 + info.otime.nsec / 1'000'000;
  return found;
}

Status create_subvolume(const std::filesystem::path& path) {
  if (btrfs_util_create_subvolume(path.c_str(), 0, nullptr, nullptr) == BTRFS_UTIL_OK) return {};
  return os_error("creating subvolume", path, errno);
}

Status snapshot_subvolume(const std::filesystem::path& source, const std::filesystem::path& path,
                          bool read_only) {
  const int flags = read_only ? BTRFS_UTIL_CREATE_SNAPSHOT_READ_ONLY : 0;
  if (btrfs_util_create_snapshot(source.c_str(), path.c_str(), flags, nullptr, nullptr) ==
      BTRFS_UTIL_OK) {
    return {};
  }
  return os_error("snapshot", path, errno);
}

Status delete_subvolume(const std::filesystem::path& path) {
  const btrfs_util_error error =
      btrfs_util_delete_subvolume(path.c_str(), BTRFS_UTIL_DELETE_SUBVOLUME_RECURSIVE);
  if (error == BTRFS_UTIL_OK) return {};
  if (errno == ENOENT) return {};
  return os_error("deleting subvolume", path, errno);
}

// The ioctl commits a transaction and wakes the thread that wakes the cleaner (fs/btrfs/ioctl.c).
void reclaim(const std::filesystem::path& pool) {
  (void)btrfs_util_sync(pool.c_str());
}

}  // namespace ployz::btrfs

#include "drivers/btrfs/loopback_pool.h"

#include <cerrno>
#include <format>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/subprocess.h"
#include "drivers/btrfs/os_error.h"

namespace ployz::btrfs {
namespace {

constexpr auto kLabel = "ployz";

// On a copy-on-write filesystem every write into the file would be copied twice. Others do not know
// the flag, and then it does not matter.
void avoid_copies(int file) {
  int flags = 0;
  if (::ioctl(file, FS_IOC_GETFLAGS, &flags) != 0) return;
  flags |= FS_NOCOW_FL;
  (void)::ioctl(file, FS_IOC_SETFLAGS, &flags);
}

Status make_file(const std::filesystem::path& file, uint64_t size_bytes) {
  const Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return os_error("making", file, errno);
  avoid_copies(fd.get());
  if (::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) {
    return os_error("making", file, errno);
  }
  const auto made = run({.argv = {"mkfs.btrfs", "-q", "-f", "-L", kLabel, file.string()}});
  if (!made || !made->ok()) {
    return fail(Code::precondition,
                std::format("making a btrfs filesystem in {}: {}", file.string(),
                            made ? made->err : made.error().message),
                "apt install btrfs-progs; the smallest [storage] loopback_size is 128M");
  }
  if (::fsync(fd.get()) != 0) return os_error("fsync", file, errno);
  return {};
}

}  // namespace

Status ensure_pool_file(const std::filesystem::path& file, uint64_t size_bytes) {
  std::error_code error;
  if (std::filesystem::exists(file, error)) return {};
  std::filesystem::path made = file;
  made += ".new";
  Status status = make_file(made, size_bytes);
  if (status && ::rename(made.c_str(), file.c_str()) != 0) {
    status = os_error("making", file, errno);
  }
  if (!status) {
    std::filesystem::remove(made, error);
    return status;
  }
  const Fd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return os_error("fsync", file.parent_path(), errno);
  return {};
}

}  // namespace ployz::btrfs

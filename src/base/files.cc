#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>

namespace ployz {
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> io_error(std::string_view what, const std::filesystem::path& path) {
  const int error = errno;
  const bool denied = error == EACCES || error == EPERM || error == EROFS;
  const bool full = error == ENOSPC || error == EDQUOT;
  return fail(denied ? Code::denied : Code::unavailable,
              std::format("cannot {} {}: {}", what, path.string(), std::strerror(error)),
              full ? "free some disk space and try again" : "");
}

Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status sync_folder(const std::filesystem::path& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return io_error("sync", folder);
  return {};
}

}  // namespace

Status write_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) {
    return fail(Code::denied, std::format("cannot create folder {}: {}",
                                          path.parent_path().string(), error.message()));
  }
  // The pid keeps two processes apart; two threads writing one path are the caller's bug.
  const std::filesystem::path temporary =
      path.parent_path() / std::format(".{}.{}", path.filename().string(), ::getpid());
  Status written;
  {
    const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (fd.get() < 0) return io_error("create", temporary);
    written = write_all(fd.get(), bytes, temporary);
    // open() applies the umask; the mode is part of the contract.
    if (written && ::fchmod(fd.get(), mode) != 0) written = io_error("set the mode of", temporary);
    if (written && ::fsync(fd.get()) != 0) written = io_error("sync", temporary);
  }
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = io_error("replace", path);
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder(path.parent_path());
}

Result<std::optional<std::string>> read_file(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return io_error("read", path);
  }
  std::string bytes;
  char chunk[64 << 10];
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read", path);
    if (got == 0) return bytes;
    bytes.append(chunk, static_cast<size_t>(got));
    if (bytes.size() > kMaxSmallFile) {
      return fail(Code::corrupt, std::format("{} is larger than {} bytes", path.string(),
                                             kMaxSmallFile));
    }
  }
}

Status remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return {};
  return io_error("remove", path);
}

}  // namespace ployz

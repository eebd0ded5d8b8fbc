#include "api/listener.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <format>
#include <optional>
#include <system_error>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/files.h"

namespace ployz {
namespace {

constexpr int kBacklog = 128;

std::unexpected<Error> os_error(std::string_view what, const std::string& path, int error) {
  Code code = Code::internal;
  if (error == EACCES || error == EPERM) code = Code::denied;
  if (error == ENOENT || error == ENOTDIR) code = Code::not_found;
  if (error == EADDRINUSE) code = Code::exists;
  return fail(code, std::format("{} {}: {}", what, path, std::generic_category().message(error)));
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(Code::invalid, std::format("socket path '{}' must have 1 to {} bytes", path,
                                           sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// getgrnam(3) loads libraries at run time, which a static program must not; our group is a local
// one, made by systemd-sysusers.
std::optional<gid_t> group_id(std::string_view name) {
  const auto text = read_file("/etc/group");
  if (!text || !*text) return std::nullopt;
  for (std::string_view rest = **text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    const size_t at = line.find(':', name.size() + 1);
    if (at == std::string_view::npos) continue;
    gid_t id = 0;
    const auto number = line.substr(at + 1);
    if (std::from_chars(number.data(), number.data() + number.size(), id).ec == std::errc())
      return id;
  }
  return std::nullopt;
}

// Removes a socket nobody listens on.
Status clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0)
    return errno == ENOENT ? Status() : os_error("looking at", path, errno);
  if (!S_ISSOCK(found.st_mode))
    return fail(Code::exists, path + " is there and is not a socket", "remove it, or set `socket`");
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool answered =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (answered || errno == EAGAIN)
    return fail(Code::exists, "another daemon listens on " + path, "systemctl status ployzd");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_error("removing", path, errno);
  return {};
}

}  // namespace

Result<Fd> listen_unix(const std::string& path, const std::string& group) {
  const auto address = TRY(address_of(path));
  TRY(clear_stale(path, address));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return os_error("socket for", path, errno);
  // The mode of the inode of an unbound socket becomes the path's mode (unix(7)): never a moment
  // with a wider one.
  ::fchmod(fd.get(), 0660);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return os_error("binding", path, errno);
  if (const auto id = group_id(group); id && !group.empty())
    if (::chown(path.c_str(), static_cast<uid_t>(-1), *id) != 0 && ::geteuid() == 0)
      return os_error("giving to group " + group, path, errno);
  if (::chmod(path.c_str(), 0660) != 0) return os_error("setting the mode of", path, errno);
  if (::listen(fd.get(), kBacklog) != 0) return os_error("listening on", path, errno);
  return fd;
}

}  // namespace ployz

#include "base/unix_stream.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <format>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// For poll(2), rounded up so that a wait never ends before its deadline.
int poll_timeout(Deadline deadline) {
  if (deadline == kNoDeadline) return -1;
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT32_MAX));
}

std::string describe_errno(int error) {
  return std::generic_category().message(error);
}

// Only the socket's own timeout bounds a blocking connect(2) to a full backlog: a non-blocking one
// fails at once with EAGAIN and poll(2) cannot wait for it (unix(7)).
void set_send_timeout(int fd, milliseconds timeout) {
  const timeval value{.tv_sec = timeout.count() / 1000,
                      .tv_usec = static_cast<suseconds_t>(timeout.count() % 1000 * 1000)};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

Error connect_error(const std::string& path, int error) {
  const auto message = std::format("connecting to {}: {}", path, describe_errno(error));
  if (error == EACCES || error == EPERM) return {Code::denied, Effect::none, message, {}, {}};
  return {Code::unavailable, Effect::none, message, {}, {}};
}

}  // namespace

Deadline deadline_in(milliseconds timeout) {
  return timeout.count() <= 0 ? kNoDeadline : steady_clock::now() + timeout;
}

void StopFd::Signal::operator()() const {
  ::eventfd_write(fd, 1);
}

StopFd::StopFd(const std::stop_token& stop) {
  if (!stop.stop_possible()) return;
  fd_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  callback_.emplace(stop, Signal{fd_.get()});
}

// The callback must be gone (its destructor waits for a running one) before its fd is closed.
StopFd::~StopFd() {
  callback_.reset();
}

Status poll_until(std::span<pollfd> fds, Deadline deadline) {
  while (true) {
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout(deadline));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail(Code::internal, "poll: " + describe_errno(errno));
    if (ready == 0 && steady_clock::now() >= deadline) {
      return fail(Code::timeout, "no answer in time");
    }
  }
}

Status wait_for(int fd, short events, Deadline deadline, const StopFd& stop) {
  std::array<pollfd, 2> fds{{{fd, events, 0}, {stop.get(), POLLIN, 0}}};
  TRY(poll_until(fds, deadline));
  if (fds[1].revents != 0) return fail(Code::canceled, "stopped");
  return {};
}

Result<UnixStream> UnixStream::connect(const std::string& path, milliseconds timeout,
                                       const std::stop_token& stop) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Code::invalid, std::format("socket path '{}' must have 1 to {} bytes", path,
                                           sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(Code::unavailable, "socket: " + describe_errno(errno));
  set_send_timeout(fd.get(), timeout);
  int result = 0;
  do {
    result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return fail(connect_error(path, errno));
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return UnixStream(std::move(fd), std::make_unique<StopFd>(stop));
}

UnixStream UnixStream::adopt(Fd fd, const std::stop_token& stop) {
  return UnixStream(std::move(fd), std::make_unique<StopFd>(stop));
}

Result<size_t> UnixStream::read_some(std::span<char> into, Deadline deadline) {
  while (true) {
    TRY(wait_for(fd_.get(), POLLIN, deadline, *stop_));
    const ssize_t got = ::recv(fd_.get(), into.data(), into.size(), 0);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno == EINTR || errno == EAGAIN) continue;
    return fail(Code::unavailable, "reading: " + describe_errno(errno));
  }
}

Status UnixStream::write_all(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      TRY(wait_for(fd_.get(), POLLOUT, deadline, *stop_));
    } else if (errno != EINTR) {
      return fail(Code::unavailable, "writing: " + describe_errno(errno));
    }
  }
  return {};
}

void UnixStream::close_write() {
  ::shutdown(fd_.get(), SHUT_WR);
}

}  // namespace ployz

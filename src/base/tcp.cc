#include "base/tcp.h"

#include <cerrno>
#include <charconv>
#include <format>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace ployz {
namespace {

constexpr int kBacklog = 64;

Result<sockaddr_in> parse_address(const std::string& host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1) return address;
  return fail(Code::invalid, std::format("'{}' is not an IPv4 address", host));
}

Result<sockaddr_in> parse_address(const std::string& text) {
  const size_t colon = text.find(':');
  uint16_t port = 0;
  if (colon != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec == std::errc() && parsed.ptr == end && port != 0) {
      return parse_address(text.substr(0, colon), port);
    }
  }
  return fail(Code::invalid, std::format("'{}' is not an address with a port", text));
}

std::string text_of(const sockaddr_in& address) {
  char host[INET_ADDRSTRLEN] = "?";
  ::inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
  return std::format("{}:{}", host, ntohs(address.sin_port));
}

void set(const Fd& socket, int level, int option, int value) {
  ::setsockopt(socket.get(), level, option, &value, sizeof value);
}

std::unexpected<Error> failed(std::string_view what, int error) {
  return fail(Code::unavailable,
              std::format("{}: {}", what, std::generic_category().message(error)));
}

}  // namespace

Result<Fd> listen_tcp(const std::string& host, uint16_t port, std::string_view purpose) {
  const sockaddr_in address = TRY(parse_address(host, port));
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string what = std::format("listening on {} for {}", text_of(address), purpose);
  if (!socket) return failed(what, errno);
  set(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  set(socket, IPPROTO_IP, IP_FREEBIND, 1);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return failed(what, errno);
  }
  return socket;
}

std::string local_address(const Fd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return text_of(address);
}

std::string peer_address(const Fd& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return text_of(address);
}

void set_stream_options(const Fd& socket, std::chrono::milliseconds silence) {
  const int seconds = std::max(1, static_cast<int>(silence.count() / 1000));
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds / 3));
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 6));
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 4);
  // No TCP_USER_TIMEOUT: it also ends a connection whose reader is merely slow (its window is
  // zero).
}

Result<Fd> connect_tcp(const std::string& address, Deadline deadline, const StopFd& stop,
                       const std::string& from) {
  const sockaddr_in peer = TRY(parse_address(address));
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const std::string what = "dialing " + address;
  if (!socket) return failed(what, errno);
  if (!from.empty()) {
    const sockaddr_in own = TRY(parse_address(from, 0));
    // The port is chosen by connect(2), which knows both ends and so has more to choose from.
    set(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
      return failed(std::format("{} from {}", what, from), errno);
    }
  }
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0) {
    return socket;
  }
  if (errno != EINPROGRESS && errno != EINTR) return failed(what, errno);
  if (const Status ready = wait_for(socket.get(), POLLOUT, deadline, stop); !ready) {
    if (ready.error().code != Code::timeout) return fail(ready.error());
    return failed(what, ETIMEDOUT);
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return failed(what, error);
  return socket;
}

Result<std::string> receive_exactly(const Fd& socket, size_t size, Deadline deadline,
                                    const StopFd& stop) {
  std::string bytes(size, '\0');
  size_t got = 0;
  while (got < size) {
    TRY(wait_for(socket.get(), POLLIN, deadline, stop));
    const ssize_t piece = ::recv(socket.get(), bytes.data() + got, size - got, 0);
    if (piece < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (piece <= 0) return fail(Code::unavailable, "closed");
    got += static_cast<size_t>(piece);
  }
  return bytes;
}

Status send_exactly(const Fd& socket, std::string_view bytes, Deadline deadline,
                    const StopFd& stop) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      TRY(wait_for(socket.get(), POLLOUT, deadline, stop));
    } else if (errno != EINTR) {
      return failed("sending", errno);
    }
  }
  return {};
}

}  // namespace ployz

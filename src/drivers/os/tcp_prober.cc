#include "drivers/os/tcp_prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <format>

namespace ployz {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kMaxStatusLine = 4096;  // an answer without a line end by then is no HTTP

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

struct Peer {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;
};

Result<Peer> peer_of(std::string_view address, uint16_t port) {
  Peer peer;
  const std::string host(address.empty() ? std::string_view("127.0.0.1") : address);
  peer.text = std::format("{}:{}", host, port);
  auto* v4 = reinterpret_cast<sockaddr_in*>(&peer.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&peer.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    peer.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    peer.size = sizeof *v6;
  } else {
    return fail(Code::invalid, "not an IP address: " + host);
  }
  return peer;
}

std::unexpected<Error> failed(const Peer& peer, std::string_view why) {
  return fail(Code::unavailable, std::format("{}: {}", peer.text, why));
}

std::unexpected<Error> failed(const Peer& peer, int error) {
  return failed(peer, std::string_view(std::strerror(error)));
}

Status wait_for(const Peer& peer, const Socket& socket, short events,
                SteadyClock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) return failed(peer, "no answer in time");
    pollfd waiting{socket.fd(), events, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failed(peer, errno);
  }
}

Result<Socket> connect_to(const Peer& peer, SteadyClock::time_point deadline) {
  Socket socket(::socket(peer.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return failed(peer, errno);
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&peer.storage), peer.size) == 0) {
    return socket;
  }
  if (errno != EINPROGRESS && errno != EINTR) return failed(peer, errno);
  TRY(wait_for(peer, socket, POLLOUT, deadline));
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return failed(peer, error);
  return socket;
}

Status send_all(const Peer& peer, const Socket& socket, std::string_view bytes,
                SteadyClock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EAGAIN) {
      TRY(wait_for(peer, socket, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return failed(peer, errno);
    }
  }
  return {};
}

Result<std::string> read_status_line(const Peer& peer, const Socket& socket,
                                     SteadyClock::time_point deadline) {
  std::string text;
  while (text.find('\n') == std::string::npos) {
    if (text.size() >= kMaxStatusLine) return failed(peer, "does not speak HTTP");
    TRY(wait_for(peer, socket, POLLIN, deadline));
    char buffer[512];
    const ssize_t got = recv(socket.fd(), buffer, sizeof buffer, 0);
    if (got == 0) return failed(peer, "closed the connection without an answer");
    if (got > 0) {
      text.append(buffer, static_cast<size_t>(got));
    } else if (errno != EAGAIN && errno != EINTR) {
      return failed(peer, errno);
    }
  }
  return text.substr(0, text.find('\n'));
}

// "HTTP/1.1 204 No Content" → 204; 0 for anything else.
int status_of(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return 0;
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  return status;
}

}  // namespace

Status TcpProber::http(std::string_view address, uint16_t port, std::string_view path,
                       std::chrono::milliseconds timeout) {
  const auto deadline = SteadyClock::now() + timeout;
  const Peer peer = TRY(peer_of(address, port));
  const Socket socket = TRY(connect_to(peer, deadline));
  const std::string request = std::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: ployz-readiness\r\nAccept: */*\r\n"
      "Connection: close\r\n\r\n",
      path.empty() ? "/" : path, peer.text);
  TRY(send_all(peer, socket, request, deadline));
  const std::string line = TRY(read_status_line(peer, socket, deadline));
  const int status = status_of(line);
  if (status == 0) return failed(peer, "does not speak HTTP");
  if (status < 400) return {};
  return failed(peer, std::format("GET {} answered {}", path, status));
}

Status TcpProber::tcp(std::string_view address, uint16_t port,
                      std::chrono::milliseconds timeout) {
  const Peer peer = TRY(peer_of(address, port));
  (void)TRY(connect_to(peer, SteadyClock::now() + timeout));
  return {};
}

}  // namespace ployz

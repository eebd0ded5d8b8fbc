#include "drivers/haproxy/server_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <format>

#include "base/fd.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A refused connection is tried again after this: nothing tells when a remote port opens. Short
// against the start of any server, long against the cost of a connect.
constexpr milliseconds kRetry{20};
// Descriptors at once.
constexpr size_t kMaxAtOnce = 256;

Result<sockaddr_in> parse(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in parsed{};
  parsed.sin_family = AF_INET;
  uint16_t port = 0;
  const std::string_view text(address);
  const bool fits = colon != std::string::npos &&
                    std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ec ==
                        std::errc() &&
                    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &parsed.sin_addr) == 1;
  if (!fits) return fail(Code::invalid, std::format("'{}' is not an IPv4 address and port", address));
  parsed.sin_port = htons(port);
  return parsed;
}

struct Attempt {
  const std::string* name;
  sockaddr_in address;
  Fd fd;                           // connecting; none: waits for retry_at
  steady_clock::time_point retry_at{};
  int error = ETIMEDOUT;           // of the last attempt

  // True: connected.
  bool begin() {
    fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return failed(errno);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return true;
    }
    return errno == EINPROGRESS ? false : failed(errno);
  }
  bool finish() {
    int result = 0;
    socklen_t size = sizeof result;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &result, &size);
    return result == 0 ? true : failed(result);
  }
  bool failed(int why) {
    error = why;
    fd.reset();
    retry_at = steady_clock::now() + kRetry;
    return false;
  }
};

int until(steady_clock::time_point when) {
  const auto left = std::chrono::ceil<milliseconds>(when - steady_clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

Status await_some(std::vector<Attempt> open, steady_clock::time_point deadline) {
  std::erase_if(open, [](Attempt& attempt) { return attempt.begin(); });
  while (!open.empty()) {
    std::vector<pollfd> fds;
    auto wake = deadline;
    for (const Attempt& attempt : open) {
      if (!attempt.fd) wake = std::min(wake, attempt.retry_at);
      fds.push_back({attempt.fd.get(), POLLOUT, 0});  // -1 is ignored
    }
    ::poll(fds.data(), fds.size(), until(wake));
    const auto now = steady_clock::now();
    for (size_t i = 0; i < open.size(); ++i) {
      Attempt& attempt = open[i];
      const bool answered = fds[i].revents != 0 ? attempt.finish()
                            : !attempt.fd && now >= attempt.retry_at ? attempt.begin()
                                                                     : false;
      if (answered) attempt.name = nullptr;
    }
    std::erase_if(open, [](const Attempt& attempt) { return attempt.name == nullptr; });
    if (!open.empty() && now >= deadline) {
      return fail(Code::precondition,
                  std::format("server {} does not accept connections: {}", *open[0].name,
                              std::strerror(open[0].error)),
                  "see whether the service listens on this port, on all addresses");
    }
  }
  return {};
}

}  // namespace

Status await_servers(const std::vector<std::string>& addresses, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  for (size_t begin = 0; begin < addresses.size(); begin += kMaxAtOnce) {
    std::vector<Attempt> some;
    for (size_t i = begin; i < std::min(begin + kMaxAtOnce, addresses.size()); ++i) {
      some.push_back({&addresses[i], TRY(parse(addresses[i])), {}, {}, ETIMEDOUT});
    }
    TRY(await_some(std::move(some), deadline));
  }
  return {};
}

}  // namespace ployz

// A byte stream over a unix socket whose every wait has a deadline and can be interrupted by a
// stop_token. One thread at a time, except that another may request the stop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include <poll.h>

#include "base/fd.h"
#include "base/result.h"

namespace ployz {

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();
// Zero or less: no deadline.
[[nodiscard]] Deadline deadline_in(std::chrono::milliseconds timeout);

// A file descriptor that becomes readable when the stop is requested, for poll(2).
class StopFd {
 public:
  explicit StopFd(const std::stop_token& stop);
  ~StopFd();
  StopFd(const StopFd&) = delete;
  StopFd& operator=(const StopFd&) = delete;
  // -1 (which poll ignores) when nobody can request a stop.
  [[nodiscard]] int get() const { return fd_.get(); }

 private:
  struct Signal {
    int fd;
    void operator()() const;
  };
  Fd fd_;
  std::optional<std::stop_callback<Signal>> callback_;
};

// poll(2) that goes on after signals. `timeout` when none is ready by the deadline.
[[nodiscard]] Status poll_until(std::span<pollfd> fds, Deadline deadline);
// Waits until `fd` has one of `events` (poll(2)). `timeout`; `canceled` when stopped.
[[nodiscard]] Status wait_for(int fd, short events, Deadline deadline, const StopFd& stop);

class UnixStream {
 public:
  // `unavailable`: no such socket, nobody listens, or its backlog stayed full for `timeout`.
  // `denied`: no permission. `invalid`: the path is too long (107 bytes). Not interrupted by
  // `stop`, which only the later reads and writes look at.
  [[nodiscard]] static Result<UnixStream> connect(const std::string& path,
                                                  std::chrono::milliseconds timeout,
                                                  const std::stop_token& stop);

  // The accepting side: a connected, non-blocking socket.
  [[nodiscard]] static UnixStream adopt(Fd fd, const std::stop_token& stop);

  // At least one byte, or 0 at the end. `timeout`, `canceled`, `unavailable` (reset).
  [[nodiscard]] Result<size_t> read_some(std::span<char> into, Deadline deadline);
  // All of it. The errors of read_some; some of the bytes may have been sent.
  [[nodiscard]] Status write_all(std::string_view bytes, Deadline deadline);
  // The peer reads an end; reading stays possible.
  void close_write();
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UnixStream(Fd fd, std::unique_ptr<StopFd> stop) : fd_(std::move(fd)), stop_(std::move(stop)) {}
  Fd fd_;
  std::unique_ptr<StopFd> stop_;
};

}  // namespace ployz

// A TCP relay between two ends of a test, that can cut its connections or let nothing pass.
#pragma once

#include <fcntl.h>

#include <atomic>
#include <list>

#include "base/unix_stream.h"
#include "contract/http_peer.h"

namespace ployz::contract {

class TcpRelay {
 public:
  explicit TcpRelay(uint16_t target) : target_(target), acceptor_([this] { accept_all(); }) {}
  ~TcpRelay() {
    stop_.request_stop();
    ::shutdown(listener_.fd(), SHUT_RDWR);
    acceptor_.join();
    threads_.clear();
  }
  [[nodiscard]] std::string address() const {
    return std::format("127.0.0.1:{}", listener_.port());
  }
  void cut() {
    const std::lock_guard lock(mutex_);
    for (const Fd& fd : sockets_) ::shutdown(fd.get(), SHUT_RDWR);
  }
  void silence() { silent_ = true; }

 private:
  void accept_all() {
    while (true) {
      Fd near(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!near) return;
      Fd far(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_in to = loopback(target_);
      if (::connect(far.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) continue;
      for (const Fd* fd : {&near, &far}) {  // writes are polled for, so that a stop ends them
        ::fcntl(fd->get(), F_SETFL, ::fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
      }
      const std::lock_guard lock(mutex_);
      const int near_fd = sockets_.emplace_back(std::move(near)).get();
      const int far_fd = sockets_.emplace_back(std::move(far)).get();
      threads_.emplace_back([this, near_fd, far_fd] { pump(near_fd, far_fd); });
      threads_.emplace_back([this, near_fd, far_fd] { pump(far_fd, near_fd); });
    }
  }
  void pump(int from, int to) {
    const StopFd stop(stop_.get_token());
    std::string buffer(64 << 10, '\0');
    while (wait_for(from, POLLIN, kNoDeadline, stop)) {
      if (silent_) {  // what is there stays there, until the end
        (void)wait_for(-1, 0, kNoDeadline, stop);
        return;
      }
      const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      std::string_view left(buffer.data(), static_cast<size_t>(got));
      while (!left.empty() && wait_for(to, POLLOUT, kNoDeadline, stop)) {
        const ssize_t sent = ::send(to, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) break;
        if (sent > 0) left.remove_prefix(static_cast<size_t>(sent));
      }
      if (!left.empty()) break;
    }
    ::shutdown(to, SHUT_WR);
  }

  const uint16_t target_;
  Listener listener_;
  std::stop_source stop_;
  std::atomic<bool> silent_ = false;
  std::mutex mutex_;
  std::list<Fd> sockets_;  // closed at the end, so that no number is used twice
  std::list<std::jthread> threads_;
  std::thread acceptor_;
};

}  // namespace ployz::contract

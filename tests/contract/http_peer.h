// The two ends of HTTP the gateway's tests need: a server that says its name, with requests that wait
// until they are let go, and a client that keeps its connection.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <format>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"

namespace ployz::contract {

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Listens on a free port of 127.0.0.1 (or the one given); the port is known at once.
class Listener {
 public:
  explicit Listener(uint16_t port = 0) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(port);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_.get(), 512), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  Fd fd_;
  uint16_t port_ = 0;
};

inline Fd connected(uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// Nobody listens there, as long as nothing else on this host happens to take it.
inline uint16_t unused_port() { return Listener().port(); }

// Answers every request with its name and keeps connections open. Requests of "/held" are answered
// only after release().
class NamedServer {
 public:
  explicit NamedServer(std::string name) : name_(std::move(name)) {
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~NamedServer() {
    release();
    ::shutdown(listener_.fd(), SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const Fd& fd : connections_) ::shutdown(fd.get(), SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }

  [[nodiscard]] std::string address() const { return std::format("127.0.0.1:{}", listener_.port()); }
  void await_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return held_ > 0; });
  }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      released_ = true;
    }
    changed_.notify_all();
  }

 private:
  void accept_all() {
    while (true) {
      const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      connections_.emplace_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    std::string input;
    char buffer[4096];
    while (true) {
      const auto end = input.find("\r\n\r\n");
      if (end == std::string::npos) {
        const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        input.append(buffer, static_cast<size_t>(got));
        continue;
      }
      if (input.starts_with("GET /held")) hold();
      input.erase(0, end + 4);
      const std::string answer = std::format(
          "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", name_.size(), name_);
      if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::shutdown(fd, SHUT_RDWR);
  }
  void hold() {
    std::unique_lock lock(mutex_);
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
  }

  const std::string name_;
  Listener listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int held_ = 0;
  bool released_ = false;
  std::list<Fd> connections_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

struct Answer {
  int status = 0;  // 0: no answer
  std::string body;
};

// One connection, kept; connects again only where the server said it would close.
class KeptClient {
 public:
  explicit KeptClient(uint16_t port) : port_(port) {}

  Answer get(const std::string& host, const std::string& path) {
    if (!fd_ && !connect()) return {};
    const std::string request = std::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", path, host);
    if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return lost();
    std::string input;
    size_t header = std::string::npos;
    while ((header = input.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more(input)) return lost();
    }
    Answer answer{std::atoi(input.c_str() + 9), {}};
    std::string head = input.substr(0, header);
    for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto at = head.find("content-length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    while (input.size() < header + 4 + length) {
      if (!read_more(input)) return lost();
    }
    answer.body = input.substr(header + 4, length);
    if (head.contains("connection: close")) fd_.reset();
    return answer;
  }

 private:
  bool connect() {
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{20, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in address = loopback(port_);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      return true;
    }
    fd_.reset();
    return false;
  }
  bool read_more(std::string& input) {
    char buffer[4096];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    input.append(buffer, static_cast<size_t>(got));
    return true;
  }
  Answer lost() {
    fd_.reset();
    return {};
  }

  const uint16_t port_;
  Fd fd_;
};

}  // namespace ployz::contract

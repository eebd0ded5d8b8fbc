#include "load/connection.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <format>

namespace ployz::load {
namespace {

constexpr size_t kMaxHeader = 64 << 10;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

}  // namespace

uint64_t now_us() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

Connection::Connection(int epoll, sockaddr_in server, const std::vector<std::string>& hosts,
                       OnAnswer on_answer)
    : epoll_(epoll), server_(server), hosts_(hosts), on_answer_(std::move(on_answer)) {}

Connection::~Connection() { close(); }

void Connection::ask() {
  busy_ = true;
  asked_us_ = now_us();
  in_.clear();
  body_start_ = 0;
  out_ = std::format("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", hosts_[host_]);
  if (fd_ < 0) {
    open();
  } else {
    send_more();
  }
}

void Connection::open() {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return finish(false, std::format("socket: {}", std::strerror(errno)));
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  keep_ = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.ptr = this;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &event);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&server_), sizeof server_) != 0 &&
      errno != EINPROGRESS) {
    finish(false, std::format("connect: {}", std::strerror(errno)));
  }
}

void Connection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Connection::watch(uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = this;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &event);
}

void Connection::on_event(uint32_t events) {
  if (!busy_) {
    // The server ended an idle connection: not a failure, the next request dials again.
    close();
    return;
  }
  if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    return finish(false, std::format("connection: {}", std::strerror(error)));
  }
  if (events & EPOLLOUT && !out_.empty()) send_more();
  if (busy_ && events & EPOLLIN) receive();
}

void Connection::send_more() {
  const ssize_t sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) return watch(EPOLLIN | EPOLLOUT);
  if (sent < 0) return finish(false, std::format("send: {}", std::strerror(errno)));
  out_.erase(0, static_cast<size_t>(sent));
  watch(out_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void Connection::receive() {
  char buffer[16 << 10];
  while (true) {
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) return finish(false, std::format("receive: {}", std::strerror(errno)));
    if (got == 0) {
      return finish(false, in_.empty() ? "closed without an answer" : "closed within an answer");
    }
    in_.append(buffer, static_cast<size_t>(got));
    if (parse()) return finish(status_ == 200, std::format("status {}", status_));
    if (body_start_ == 0 && in_.size() > kMaxHeader) return finish(false, "header too long");
  }
}

bool Connection::parse() {
  if (body_start_ == 0) {
    const size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    body_start_ = end + 4;
    const std::string header = lower(std::string_view(in_).substr(0, end + 2));
    status_ = 0;
    if (header.size() > 12) std::from_chars(header.data() + 9, header.data() + 12, status_);
    body_length_ = 0;
    if (const size_t at = header.find("\r\ncontent-length:"); at != std::string::npos) {
      const size_t digit = header.find_first_of("0123456789", at);
      std::from_chars(header.data() + digit, header.data() + header.size(), body_length_);
    }
    keep_ = header.find("\r\nconnection: close") == std::string::npos;
  }
  return in_.size() >= body_start_ + body_length_;
}

void Connection::finish(bool ok, std::string error) {
  Answer answer{host_, ok, ok ? std::string() : std::move(error), {}, now_us() - asked_us_};
  if (body_start_ > 0) answer.body = in_.substr(body_start_, body_length_);
  host_ = (host_ + 1) % hosts_.size();
  busy_ = false;
  if (!ok || !keep_) close();
  on_answer_(*this, std::move(answer));
}

void Connection::check_deadline(uint64_t limit_us) {
  if (busy_ && now_us() - asked_us_ > limit_us) finish(false, "no answer in time");
}

}  // namespace ployz::load

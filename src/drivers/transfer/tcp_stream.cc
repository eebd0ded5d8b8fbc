#include "drivers/transfer/tcp_stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <format>

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kBuffer = kMaxFrameData + kFrameHeader;

}  // namespace

TcpStream::TcpStream(Fd fd, std::string peer, std::string_view key, StreamEnd own,
                     milliseconds silence, std::stop_token stop)
    : fd_(std::move(fd)),
      peer_(std::move(peer)),
      silence_(silence),
      stop_(stop),
      heard_(steady_clock::now()),
      sum_(key, own),
      sent_(steady_clock::now()),
      parser_(key, other(own)),
      buffer_(kBuffer) {}

std::unexpected<Error> TcpStream::broken(std::string why) const {
  return fail(Code::unavailable, std::format("stream with {}: {}", peer_, why));
}

Result<bool> TcpStream::receive() {
  if (peer_closed_) return false;
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    if (end_ == buffer_.size()) return false;
  }
  const ssize_t got = ::recv(fd_.get(), buffer_.data() + end_, buffer_.size() - end_, MSG_DONTWAIT);
  if (got > 0) {
    end_ += static_cast<size_t>(got);
    heard_ = steady_clock::now();
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  peer_closed_ = true;
  if (got == 0) return false;
  return broken(std::generic_category().message(errno));
}

// What was received up to the next piece of data.
Result<size_t> TcpStream::take(std::span<char> into) {
  while (begin_ < end_ && !parser_.ended()) {
    const size_t size = end_ - begin_;
    // Not more than fits, so that no data has to be kept; headers are never larger than that.
    const auto step = TRY(parser_.next({buffer_.data() + begin_, std::min(size, into.size())}));
    begin_ += step.used;
    if (step.data.empty()) continue;
    std::memcpy(into.data(), step.data.data(), step.data.size());
    return step.data.size();
  }
  return 0;
}

Result<size_t> TcpStream::read(std::span<char> into) {
  const std::lock_guard lock(read_mutex_);
  const auto read = [&]() -> Result<size_t> {
    auto since = steady_clock::now();
    while (!into.empty()) {
      if (const size_t got = TRY(take(into))) return got;
      if (parser_.ended()) return 0;
      if (TRY(receive())) continue;
      if (peer_closed_) return broken("it was cut off before its end");
      const auto from = std::max(since, heard_.load());
      if (const Status ready = wait_for(fd_.get(), POLLIN, from + silence_, stop_); !ready) {
        Error error = ready.error();
        error.message = std::format("stream with {}: {}", peer_,
                                    error.code == Code::timeout ? "it is silent" : error.message);
        return fail(std::move(error));
      }
    }
    return fail(Code::invalid, "reading into nothing");
  };
  if (read_error_) return fail(*read_error_);
  auto result = read();
  if (!result) read_error_ = result.error();
  return result;
}

// Takes the peer's signs of life off, and an error it sent; its data stays.
void TcpStream::skim() {
  if (const auto received = receive(); !received && !read_error_) {
    read_error_ = received.error();
  }
  const auto at_frame = [&](char type) {
    return !read_error_ && end_ - begin_ >= kFrameHeader && buffer_[begin_] == type;
  };
  if (parser_.between_frames()) {
    while (at_frame('K') || at_frame('X')) {
      const auto step = parser_.next({buffer_.data() + begin_, kFrameHeader});
      if (!step) {
        read_error_ = step.error();
        return;
      }
      begin_ += step->used;
      if (parser_.between_frames()) continue;
      const auto rest = parser_.next({buffer_.data() + begin_, end_ - begin_});
      if (!rest) read_error_ = rest.error();
      if (rest) begin_ += rest->used;
      return;
    }
  }
}

Status TcpStream::await_room() {
  const auto since = steady_clock::now();
  while (true) {
    std::unique_lock reading(read_mutex_, std::try_to_lock);
    bool may_receive = false;
    if (reading) {
      skim();
      if (read_error_) return fail(*read_error_);
      if (peer_closed_) return broken("it closed its end");
      may_receive = end_ - begin_ < buffer_.size();
    }
    const auto deadline = std::max(since, heard_.load()) + silence_;
    if (steady_clock::now() >= deadline) {
      return fail(Code::timeout, std::format("stream with {}: it is silent", peer_));
    }
    // Somebody else reads: look now and then whether that one has heard something.
    const auto until = reading ? deadline : std::min(deadline, steady_clock::now() + silence_ / 8);
    const auto events = static_cast<short>(may_receive ? POLLIN | POLLOUT : POLLOUT);
    std::array<pollfd, 2> fds{{{fd_.get(), events, 0}, {stop_.get(), POLLIN, 0}}};
    const Status ready = poll_until(fds, until);
    if (!ready && ready.error().code != Code::timeout) return ready;
    if (fds[1].revents != 0) return fail(Code::canceled, "stopped");
    if ((fds[0].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) return {};
  }
}

// The peer's own words, if it sent any, say more than a broken connection.
Error TcpStream::writing_failed(Error error) {
  write_failed_ = true;
  const std::unique_lock reading(read_mutex_, std::try_to_lock);
  if (!reading || error.code == Code::canceled) return error;
  if (!read_error_) skim();
  return read_error_ && read_error_->code != Code::unavailable ? *read_error_ : error;
}

Status TcpStream::send_all(std::string_view header, std::string_view payload) {
  const std::string head = std::exchange(unsent_, {}) + std::string(header);
  header = head;
  while (!header.empty() || !payload.empty()) {
    std::array<iovec, 2> parts{{{const_cast<char*>(header.data()), header.size()},
                                {const_cast<char*>(payload.data()), payload.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      const auto of_header = std::min(header.size(), static_cast<size_t>(sent));
      header.remove_prefix(of_header);
      payload.remove_prefix(static_cast<size_t>(sent) - of_header);
    } else if (errno == EAGAIN) {
      if (const Status room = await_room(); !room) return fail(writing_failed(room.error()));
    } else if (errno != EINTR) {
      return fail(writing_failed(broken(std::generic_category().message(errno)).error()));
    }
  }
  sent_ = steady_clock::now();
  return {};
}

Status TcpStream::write(std::string_view bytes) {
  const std::lock_guard lock(write_mutex_);
  if (finished_ || write_failed_) return broken("this end was closed");
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::min(bytes.size(), kMaxFrameData));
    sum_.add(piece);
    TRY(send_all(frame_header('D', piece.size()), piece));
    bytes.remove_prefix(piece.size());
  }
  return {};
}

Status TcpStream::end(const std::string& frame) {
  finished_ = true;
  return send_all(frame, {});
}

Status TcpStream::finish() {
  const std::lock_guard lock(write_mutex_);
  if (finished_ || write_failed_) return broken("this end was closed");
  return end(end_frame(sum_));
}

Status TcpStream::finish_with(const Error& error) {
  const std::lock_guard lock(write_mutex_);
  if (finished_ || write_failed_) return broken("this end was closed");
  return end(error_frame(error));
}

void TcpStream::pulse(milliseconds interval) {
  const std::unique_lock lock(write_mutex_, std::try_to_lock);
  if (!lock || write_failed_ || steady_clock::now() - sent_ < interval) return;
  if (unsent_.empty()) unsent_ = alive_frame();
  const ssize_t sent = ::send(fd_.get(), unsent_.data(), unsent_.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) unsent_.erase(0, static_cast<size_t>(sent));
  // A whole one that does not fit is not needed: the peer has something to read. A rest is: it
  // completes what was begun.
  if (sent < 0 && unsent_.size() == kFrameHeader) unsent_.clear();
  sent_ = steady_clock::now();
}

void TcpStream::close(milliseconds patience) {
  {
    const std::lock_guard lock(write_mutex_);
    if (!finished_ || write_failed_) return;
    ::shutdown(fd_.get(), SHUT_WR);
  }
  // Closing with received bytes unread would make the kernel drop what was sent (RST).
  const std::lock_guard lock(read_mutex_);
  const auto deadline = steady_clock::now() + patience;
  while (!peer_closed_) {
    begin_ = end_ = 0;
    const auto received = receive();
    if (!received || *received) continue;
    if (peer_closed_) return;
    if (!wait_for(fd_.get(), POLLIN, std::min(deadline, heard_.load() + silence_), stop_)) return;
  }
}

}  // namespace ployz

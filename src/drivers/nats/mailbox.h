// Where the messages of one subscription wait for the thread that reads them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "drivers/nats/connection.h"

namespace ployz {

// What the connection's threads hand to a reading thread. Bounded by flow control: the server stops
// sending until the reader has answered.
class Mailbox {
 public:
  void put(NatsMessage message) {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    changed_.notify_all();
  }
  void interrupt() {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    changed_.notify_all();
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    messages_.clear();
    interrupted_ = false;
  }
  // In the order they came. Nullopt: interrupted, or nothing for so long.
  [[nodiscard]] std::optional<NatsMessage> take(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, limit, [this] { return interrupted_ || !messages_.empty(); });
    if (interrupted_ || messages_.empty()) return std::nullopt;
    NatsMessage message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<NatsMessage> messages_;
  bool interrupted_ = false;
};

}  // namespace ployz

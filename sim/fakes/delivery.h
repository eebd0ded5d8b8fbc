// A subscription's queue and the thread that empties it.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "ports/control_store.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

// What a fake keeps of a subscriber. push() never blocks; items arrive in its order, on a thread
// of the subscriber's process, until the subscriber ends its Subscription or dies.
template <class Item>
class Queue {
 public:
  void push(Item item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_one();
  }

  // False: closed.
  bool pop(Item& item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (closed_) return false;
    item = std::move(items_.front());
    items_.pop_front();
    return true;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool closed_ = false;
};

template <class Item>
class Delivery final : public Subscription {
 public:
  Delivery(Hook& hook, std::string name, std::shared_ptr<Queue<Item>> queue,
           std::function<void(Item)> callback)
      : queue_(std::move(queue)),
        thread_([&hook, name = std::move(name), queue = queue_, callback = std::move(callback)] {
          Item item;
          while (queue->pop(item)) {
            hook.deliver(name);
            if (queue->closed()) return;
            callback(std::move(item));
          }
        }) {}
  ~Delivery() override { queue_->close(); }

 private:
  std::shared_ptr<Queue<Item>> queue_;
  std::jthread thread_;
};

}  // namespace ployz::sim

// A callback that can be switched off: after end() it is not running and will not run again.
// end() from inside the callback itself is allowed.
#pragma once

#include <functional>
#include <mutex>

namespace ployz {

template <class... Args>
class Guarded {
 public:
  explicit Guarded(std::function<void(Args...)> callback) : callback_(std::move(callback)) {}

  void operator()(Args... args) {
    const std::lock_guard lock(mutex_);
    if (!ended_) callback_(std::move(args)...);
  }

  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }

 private:
  std::recursive_mutex mutex_;
  bool ended_ = false;
  std::function<void(Args...)> callback_;
};

}  // namespace ployz

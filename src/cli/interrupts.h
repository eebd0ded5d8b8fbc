// Ctrl-C. The first one is given to whoever listens (an operation that then aborts); without a
// listener, or the second time, the program leaves at once.
#pragma once

#include <functional>
#include <mutex>

namespace ployz::cli {

class Interrupts {
 public:
  // Called by the thread that receives signals. False: leave now.
  [[nodiscard]] bool deliver() {
    std::function<void()> listener;
    {
      const std::lock_guard lock(mutex_);
      if (!listener_ || (delivered_ && !every_)) return false;
      delivered_ = true;
      listener = listener_;
    }
    listener();
    return true;
  }

  // Listens while it lives; one at a time. `every`: to all of them, not only the first.
  class Listening {
   public:
    Listening(Interrupts& interrupts, std::function<void()> listener, bool every = false)
        : interrupts_(interrupts) {
      const std::lock_guard lock(interrupts_.mutex_);
      interrupts_.every_ = every;
      interrupts_.listener_ = std::move(listener);
    }
    ~Listening() {
      const std::lock_guard lock(interrupts_.mutex_);
      interrupts_.listener_ = nullptr;
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

   private:
    Interrupts& interrupts_;
  };

 private:
  std::mutex mutex_;
  std::function<void()> listener_;
  bool every_ = false;
  bool delivered_ = false;
};

}  // namespace ployz::cli

// Tasks on threads of their own, a bounded number at a time.
#pragma once

#include "ports/clock.h"

namespace ployz {

class ThreadExecutor final : public Executor {
 public:
  // A step mostly waits for a machine's answer, so many may wait at once; 8 MiB of address space
  // and a few KiB of memory each.
  static constexpr size_t kMaxThreads = 256;
  explicit ThreadExecutor(size_t max_threads = kMaxThreads) : max_threads_(max_threads) {}

  void run_all(std::vector<std::function<void()>> tasks, std::chrono::milliseconds tick,
               const std::function<void()>& on_tick) override;

 private:
  const size_t max_threads_;
};

}  // namespace ployz

// Time, entropy and parallelism: injected, so that the simulator owns them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace ployz {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since the Unix epoch; for records people read and for lease expiry.
  [[nodiscard]] virtual uint64_t wall_ms() = 0;
  // Milliseconds of a clock that never jumps; for durations and deadlines.
  [[nodiscard]] virtual uint64_t steady_ms() = 0;
  // Returns early, with false, when `stop` is requested. Not a synchronisation primitive: only for
  // back-off between bounded retries.
  virtual bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop) = 0;
};

class Entropy {
 public:
  virtual ~Entropy() = default;
  [[nodiscard]] virtual uint64_t next_u64() = 0;
};

// Runs independent tasks in parallel.
class Executor {
 public:
  virtual ~Executor() = default;
  // Returns when every task has returned. Meanwhile calls `on_tick` on the calling thread about
  // every `tick`: how a lease is renewed while steps run. Tasks do not throw.
  virtual void run_all(std::vector<std::function<void()>> tasks, std::chrono::milliseconds tick,
                       const std::function<void()>& on_tick) = 0;
};

}  // namespace ployz

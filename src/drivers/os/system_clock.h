// The operating system's clocks and entropy. Thread-safe.
#pragma once

#include "ports/clock.h"

namespace ployz {

class SystemClock final : public Clock {
 public:
  uint64_t wall_ms() override;
  uint64_t steady_ms() override;
  bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop) override;
};

// getrandom(2).
class SystemEntropy final : public Entropy {
 public:
  uint64_t next_u64() override;
};

}  // namespace ployz

// Clocks and entropy for simulations and tests.
#pragma once

#include "base/ulid.h"
#include "drivers/os/system_clock.h"

namespace ployz::sim {

// The system's clock (virtual under the scheduler), its wall time off by a constant.
class SkewedClock final : public Clock {
 public:
  explicit SkewedClock(int64_t skew_ms = 0) : skew_ms_(skew_ms) {}
  uint64_t wall_ms() override {
    return static_cast<uint64_t>(static_cast<int64_t>(system_.wall_ms()) + skew_ms_);
  }
  uint64_t steady_ms() override { return system_.steady_ms(); }
  bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop) override {
    return system_.sleep_for(duration, std::move(stop));
  }

 private:
  SystemClock system_;
  int64_t skew_ms_;
};

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(uint64_t seed) : state_(seed) {}
  uint64_t next_u64() override { return split_mix(state_); }

 private:
  uint64_t state_;
};

}  // namespace ployz::sim

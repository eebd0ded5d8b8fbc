// A coordinator whose ids come again: its clock stands still, and the seeds of its id generators are
// steps of one sequence, the very one that a generator walks along (SeededIds takes two a step).
#pragma once

#include "sim/fakes/fake_clock.h"

namespace ployz::sim {

struct WeakIds {
  uint64_t state = 0;  // of all machines, or they would soon agree on an operation's id
};

class WeakEntropy final : public Entropy {
 public:
  explicit WeakEntropy(WeakIds& ids) : ids_(ids) {}
  uint64_t next_u64() override { return ids_.state += 2 * 0x9e3779b97f4a7c15; }

 private:
  WeakIds& ids_;
};

class StoppedClock final : public Clock {
 public:
  explicit StoppedClock(SkewedClock clock) : clock_(clock) {}
  uint64_t wall_ms() override { return 1'700'000'000'000; }
  uint64_t steady_ms() override { return clock_.steady_ms(); }
  bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop) override {
    return clock_.sleep_for(duration, std::move(stop));
  }

 private:
  SkewedClock clock_;
};

}  // namespace ployz::sim

// The one source of chance of a simulated world: everything follows from its seed.
#pragma once

#include <cstdint>

#include "base/ulid.h"

namespace ployz::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() { return split_mix(state_); }
  // In [0, bound); 0 for bound 0.
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  // In [low, high].
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  // True `parts` times in a million.
  bool chance_ppm(uint64_t parts) { return below(1'000'000) < parts; }
  bool coin() { return (next() & 1) != 0; }
  // An independent stream, so that one consumer's draws do not shift another's.
  Random fork() { return Random(next()); }

 private:
  uint64_t state_;
};

}  // namespace ployz::sim

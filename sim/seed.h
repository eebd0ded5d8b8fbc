// Runs one seed from the first to the last check.
#pragma once

#include <string>
#include <vector>

#include "sim/world/world.h"

namespace ployz::sim {

enum class Verdict { fine = 0, wrong = 1, crashed = 2, stuck = 3 };  // = exit codes

struct SeedResult {
  Verdict verdict = Verdict::fine;
  std::vector<std::string> findings;
  uint64_t hash = 0;  // of everything that happened: equal for equal seeds
  uint64_t virtual_ms = 0;
  Counts counts;
};

[[nodiscard]] SeedResult run_seed(const WorldOptions& options);

}  // namespace ployz::sim

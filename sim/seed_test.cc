#include "sim/seed.h"

#include <gtest/gtest.h>

namespace ployz::sim {
namespace {

void expect_replayed(uint64_t seed) {
  const SeedResult first = run_seed({seed});
  const SeedResult again = run_seed({seed});
  EXPECT_EQ(first.hash, again.hash) << "seed " << seed;
  EXPECT_EQ(first.counts.values(), again.counts.values()) << "seed " << seed;
}

TEST(Seed, IsReplayedIdentically) {
  for (uint64_t seed = 1; seed <= 25; ++seed) expect_replayed(seed);
}

TEST(Seed, SeedsDiffer) { EXPECT_NE(run_seed({1}).hash, run_seed({2}).hash); }

}  // namespace
}  // namespace ployz::sim

#include "sim/seed.h"

#include <gtest/gtest.h>

namespace ployz::sim {
namespace {

TEST(Seed, IsReplayedIdentically) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const SeedResult first = run_seed({seed});
    const SeedResult again = run_seed({seed});
    EXPECT_EQ(first.hash, again.hash) << "seed " << seed;
    EXPECT_EQ(first.counts.values(), again.counts.values()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ployz::sim

#include "drivers/nats/mirrors.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(SourceSequence, IsTheStoresSequence) {
  EXPECT_EQ(source_sequence("KV_meta:ZVVL0AF6 8 > >"), 8U);
  EXPECT_EQ(source_sequence("KV_meta 18446744073709551615"), UINT64_MAX);
}

TEST(SourceSequence, GarbageIsRefused) {
  for (const char* header : {"", " ", "KV_meta", "KV_meta ", "KV_meta x > >", "KV_meta 0 > >",
                             "KV_meta -1 >", "KV_meta 18446744073709551616 > >", "KV_meta 8x >"}) {
    const auto sequence = source_sequence(header);
    ASSERT_FALSE(sequence) << header;
    EXPECT_EQ(sequence.error().code, Code::corrupt);
  }
}

TEST(HasReached, EveryStream) {
  EXPECT_TRUE(has_reached({{"A", 3}, {"B", 2}}, {{"A", 3}, {"B", 1}}));
  EXPECT_FALSE(has_reached({{"A", 3}, {"B", 2}}, {{"A", 3}, {"B", 3}}));
  EXPECT_FALSE(has_reached({{"A", 3}}, {{"A", 3}, {"B", 0}}));
}

}  // namespace
}  // namespace ployz

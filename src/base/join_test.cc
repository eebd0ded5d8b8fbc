#include "base/join.h"

#include <vector>

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(JoinTest, PutsTheSeparatorBetween) {
  EXPECT_EQ(join(std::vector<std::string>{}), "");
  EXPECT_EQ(join(std::vector<std::string>{"one"}), "one");
  EXPECT_EQ(join(std::vector<std::string>{"", "two", ""}, "; "), "; two; ");
}

TEST(JoinTest, OfAnyRangeOfText) {
  const std::vector<std::pair<int, std::string>> pairs{{1, "a"}, {2, "b"}};
  EXPECT_EQ(join(pairs | std::views::values), "a, b");
}

}  // namespace
}  // namespace ployz

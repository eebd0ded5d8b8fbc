#include "base/ulid.h"

#include <gtest/gtest.h>

#include <set>

namespace ployz {
namespace {

TEST(Ulid, EncodesTheSpecificationsExample) {
  // 01ARZ3NDEKTSV4RRFFQ69G5FAV of the ULID README, whose time part is 1469922850259 ms.
  const std::string ulid = make_ulid(1469922850259, {0xd6, 0x76, 0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02,
                                                     0xbd, 0x5b});
  EXPECT_EQ(ulid, "01arz3ndektsv4rrffq69g5fav");
}

TEST(Ulid, SortsByTime) {
  EXPECT_LT(make_ulid(1, {0xff}), make_ulid(2, {}));
  EXPECT_LT(make_ulid(0xffff, {0xff}), make_ulid(0x10000, {}));
}

TEST(Ulid, RecognisesOnlyItsOwnAlphabet) {
  EXPECT_TRUE(is_ulid("01arz3ndektsv4rrffq69g5fav"));
  EXPECT_FALSE(is_ulid("01arz3ndektsv4rrffq69g5fa"));
  EXPECT_FALSE(is_ulid("01arz3ndektsv4rrffq69g5fau"));
  EXPECT_FALSE(is_ulid("81arz3ndektsv4rrffq69g5fav"));
  EXPECT_FALSE(is_ulid("01ARZ3NDEKTSV4RRFFQ69G5FAV"));
}

TEST(SeededIds, AreDeterminedByTheirSeedAndDistinct) {
  SeededIds a(7, 1), b(7, 1), c(7, 2);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = a.next();
    EXPECT_EQ(id, b.next());
    EXPECT_TRUE(is_ulid(id));
    EXPECT_TRUE(seen.insert(id).second);
    EXPECT_TRUE(seen.insert(c.next()).second);
  }
}

}  // namespace
}  // namespace ployz

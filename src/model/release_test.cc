#include "model/release.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

Release release(std::string_view text) { return parse_release(text).value(); }

TEST(Release, IsReadWithAndWithoutWhatMayBeMissing) {
  EXPECT_EQ(release("0.2.1"), (Release{0, 2, 1, ""}));
  EXPECT_EQ(release("1.10"), (Release{1, 10, 0, ""}));
  EXPECT_EQ(release("0.2.1-rc1"), (Release{0, 2, 1, "-rc1"}));
  EXPECT_EQ(release("0.2~git.5"), (Release{0, 2, 0, "~git.5"}));
}

TEST(Release, WhatIsNoneIsRefused) {
  for (const std::string_view text :
       {"", "1", "a.b", "1.", "1.2.", "1.2.x", "1.2x", "1.2.3.4", "../1.2", "1.2/3", "1:1.2.3",
        "1.2.3-$(id)", "-1.2", "99999999999.0"}) {
    const auto parsed = parse_release(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::invalid);
  }
  EXPECT_FALSE(parse_release("1.2.3-" + std::string(kMaxReleaseText, 'a')));
}

TEST(Release, NumbersAreComparedAsNumbers) {
  EXPECT_LT(release("0.9.0"), release("0.10.0"));
  EXPECT_LT(release("0.9.9"), release("1.0.0"));
  EXPECT_LT(release("0.2.9"), release("0.2.10"));
  EXPECT_NE(release("0.2.1-a"), release("0.2.1-b"));
}

TEST(Release, OneMinorApartWorksTogether) {
  EXPECT_TRUE(work_together(release("0.2.0"), release("0.3.9")));
  EXPECT_TRUE(work_together(release("0.3.0"), release("0.2.9")));
  EXPECT_TRUE(work_together(release("0.2.0"), release("0.2.7-rc1")));
  EXPECT_FALSE(work_together(release("0.2.0"), release("0.4.0")));
  EXPECT_FALSE(work_together(release("0.9.0"), release("1.0.0")));
  EXPECT_TRUE(same_minor(release("0.2.0"), release("0.2.7")));
  EXPECT_FALSE(same_minor(release("0.2.0"), release("0.3.0")));
}

}  // namespace
}  // namespace ployz

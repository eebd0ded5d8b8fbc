#include "mesh/copy_progress.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

const CopyProgress kProgress{5000, {10, 100}, {12, 101}};

TEST(CopyProgress, IsReadAsItWasWritten) {
  const auto read = copy_progress_from_json(to_json(kProgress));
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(*read, kProgress);
}

TEST(CopyProgress, GarbageIsRefused) {
  for (const char* text :
       {"{}", "[]", "7", R"({"whole_at_ms":5})", R"({"whole_at_ms":-5,"copied":{},"stored":{}})",
        R"({"whole_at_ms":5,"copied":[],"stored":{"commits":1,"records":1}})"}) {
    const auto json = parse_json(text);
    ASSERT_TRUE(json) << text;
    const auto read = copy_progress_from_json(*json);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::corrupt) << text;
  }
}

TEST(CopyProgress, SaysWhatItHasAndWhatMayBeMissing) {
  const MirrorReach reach = reach_of(3, kProgress, {11, 100}, 7500);
  EXPECT_TRUE(reach.complete);
  EXPECT_EQ(reach.epoch, 3U);
  EXPECT_EQ(reach.commits, 11U);
  EXPECT_EQ(reach.stored_commits, 12U);
  EXPECT_EQ(reach.stored_records, 101U);
  EXPECT_EQ(reach.window_ms, 2500U);
  // More arrived than the store was heard to have, and a clock that was put back.
  const MirrorReach later = reach_of(3, kProgress, {13, 105}, 4000);
  EXPECT_EQ(later.stored_commits, 13U);
  EXPECT_EQ(later.stored_records, 105U);
  EXPECT_EQ(later.window_ms, 0U);
}

TEST(CopyProgress, OneThatHasLessThanItHadDoesNotCount) {
  EXPECT_FALSE(reach_of(3, kProgress, {9, 100}, 7500).complete);
  EXPECT_FALSE(reach_of(3, kProgress, {10, 99}, 7500).complete);
}

}  // namespace
}  // namespace ployz

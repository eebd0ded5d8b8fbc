// What the control store promises when it fails. Worlds that cannot fail skip these.
#pragma once

#include <chrono>

#include "contract/control_store_contract.h"

namespace ployz::contract {

class ControlStoreFaults : public ControlStoreTest {};

// Waits until the store answers again; for tests, after restart() or thaw().
inline bool answers_again(ControlStoreWorld& world) {
  for (int i = 0; i < 50; ++i) {
    if (world.commits().newest(kShop) && world.other_commits().newest(kShop)) return true;
  }
  return false;
}

TEST_P(ControlStoreFaults, WithoutAStoreEverythingIsUnavailable) {
  if (!world().crash()) GTEST_SKIP();
  const auto start = std::chrono::steady_clock::now();
  expect_error(commits().append(kShop, 0, "x"), Code::unavailable);
  expect_error(commits().newest(kShop), Code::unavailable);
  expect_error(commits().newest_of_all(), Code::unavailable);
  expect_error(commits().history(kShop, 1), Code::unavailable);
  expect_error(records().create(Bucket::meta, "k", "v"), Code::unavailable);
  expect_error(records().update(Bucket::meta, "k", "v", 1), Code::unavailable);
  expect_error(records().get(Bucket::meta, "k"), Code::unavailable);
  expect_error(records().remove(Bucket::meta, "k", 1), Code::unavailable);
  expect_error(records().list(Bucket::meta), Code::unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_P(ControlStoreFaults, WhatWasAcknowledgedSurvivesACrash) {
  uint64_t sequence = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) sequence = *commits().append(kShop, sequence, std::to_string(i));
    const auto record = records().create(Bucket::operations, std::to_string(round), "v");
    ASSERT_TRUE(record);
    if (!world().crash()) GTEST_SKIP();
    ASSERT_TRUE(world().restart());
    ASSERT_TRUE(answers_again(world()));
    const auto newest = commits().newest(kShop);
    ASSERT_TRUE(newest && *newest);
    EXPECT_EQ((*newest)->sequence, sequence);
    EXPECT_EQ((*records().get(Bucket::operations, std::to_string(round)))->revision, *record);
  }
  EXPECT_EQ(commits().history(kShop, 100)->size(), 60u);
}

TEST_P(ControlStoreFaults, FollowGoesOnAfterACrashWithoutGaps) {
  ASSERT_TRUE(commits().append(kBlog, 0, "1"));
  Followed followed(world(), commits());
  ASSERT_TRUE(followed.wait_for("*"));
  uint64_t sequence = 0;
  for (int round = 0; round < 3; ++round) {
    if (!world().crash()) GTEST_SKIP();
    ASSERT_TRUE(world().restart());
    ASSERT_TRUE(answers_again(world()));
    for (int i = 0; i < 10; ++i) {
      const auto appended =
          world().other_commits().append(kShop, sequence, std::format("{}.{}", round, i));
      ASSERT_TRUE(appended) << appended.error().line();
      sequence = *appended;
    }
    ASSERT_TRUE(followed.wait_for(std::format("shop={}.9", round)));
  }
  const auto values = followed.seen.values();
  EXPECT_EQ(std::ranges::count(values, "*"), 1);
  EXPECT_EQ(std::ranges::count(values, "blog=1"), 1);
  for (const std::string& value : values) EXPECT_EQ(std::ranges::count(values, value), 1) << value;
}

// A writer that goes on as the engine does, while the store dies again and again under it.
TEST_P(ControlStoreFaults, NothingAcknowledgedIsLostUnderFire) {
  if (!world().crash()) GTEST_SKIP();
  ASSERT_TRUE(world().restart());
  Followed followed(world(), world().other_commits());
  std::atomic<bool> done = false;
  std::map<uint64_t, std::string> acknowledged;
  const auto write = [&] {
    uint64_t expected = 0;
    for (int n = 0; !done || acknowledged.empty(); ++n) {
      const std::string bytes = std::to_string(n);
      if (const auto appended = commits().append(kShop, expected, bytes)) {
        acknowledged[expected = *appended] = bytes;
      } else if (const auto newest = commits().newest(kShop); newest && *newest) {
        expected = (*newest)->sequence;
      }
    }
  };
  const auto crash = [&] {
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 50; ++i) (void)world().other_commits().newest(kShop);  // meanwhile
      EXPECT_TRUE(world().crash());
      EXPECT_TRUE(world().restart());
    }
    done = true;
  };
  world().run_parallel({write, crash});
  ASSERT_TRUE(answers_again(world()));
  std::map<uint64_t, std::string> stored;
  const auto history = commits().history(kShop, 1'000'000);
  ASSERT_TRUE(history) << history.error().line();
  for (const StoredCommit& commit : *history) stored[commit.sequence] = commit.bytes;
  for (const auto& [sequence, bytes] : acknowledged) EXPECT_EQ(stored[sequence], bytes);
  RecordProperty("acknowledged", static_cast<int>(acknowledged.size()));
  EXPECT_TRUE(followed.wait_for("shop=" + history->front().bytes));
}

TEST_P(ControlStoreFaults, WatchHearsOfWhatHappenedMeanwhile) {
  const uint64_t revision = *records().create(Bucket::machines, "m1", "1");
  Watched watched(world(), records(), Bucket::machines);
  ASSERT_TRUE(watched.wait_for("m1=1"));
  if (!world().crash()) GTEST_SKIP();
  ASSERT_TRUE(world().restart());
  ASSERT_TRUE(answers_again(world()));
  ASSERT_TRUE(world().other_records().remove(Bucket::machines, "m1", revision));
  ASSERT_TRUE(world().other_records().create(Bucket::machines, "m2", "1"));
  EXPECT_TRUE(watched.wait_for("m1-"));
  EXPECT_TRUE(watched.wait_for("m2=1"));
}

TEST_P(ControlStoreFaults, AFollowBegunWithoutAStoreCatchesUpLater) {
  ASSERT_TRUE(commits().append(kShop, 0, "1"));
  if (!world().crash()) GTEST_SKIP();
  Followed followed(world(), commits());
  EXPECT_TRUE(followed.seen.values().empty());
  ASSERT_TRUE(world().restart());
  ASSERT_TRUE(followed.wait_for("*"));
  EXPECT_EQ(followed.seen.values(), (std::vector<std::string>{"shop=1", "*"}));
}

TEST_P(ControlStoreFaults, OfAWriteToAFrozenStoreTheOutcomeIsUnknown) {
  const uint64_t first = *commits().append(kShop, 0, "1");
  if (!world().freeze()) GTEST_SKIP();
  expect_error(commits().append(kShop, first, "2"), Code::timeout, Effect::unknown);
  expect_error(records().create(Bucket::meta, "k", "v"), Code::timeout, Effect::unknown);
  expect_error(commits().newest(kShop), Code::timeout);
  expect_error(commits().newest_of_all(), Code::timeout);
  expect_error(records().get(Bucket::meta, "k"), Code::timeout);
  ASSERT_TRUE(world().thaw());
  ASSERT_TRUE(answers_again(world()));
  // Settled as the engine does it: by an append with the same expectation.
  const auto fence = commits().append(kShop, first, "fence");
  const auto newest = commits().newest(kShop);
  ASSERT_TRUE(newest && *newest);
  EXPECT_EQ((*newest)->bytes, fence ? "fence" : "2");
  EXPECT_EQ(commits().history(kShop, 10)->size(), 2u);
}

TEST_P(ControlStoreFaults, FollowGoesOnAfterAFreeze) {
  Followed followed(world(), commits());
  ASSERT_TRUE(followed.wait_for("*"));
  if (!world().freeze()) GTEST_SKIP();
  expect_error(commits().newest(kShop), Code::timeout);
  ASSERT_TRUE(world().thaw());
  ASSERT_TRUE(answers_again(world()));
  ASSERT_TRUE(world().other_commits().append(kShop, 0, "1"));
  EXPECT_TRUE(followed.wait_for("shop=1"));
}

}  // namespace ployz::contract

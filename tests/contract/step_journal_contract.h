// What every implementation of StepJournal promises.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "ports/step_journal.h"

namespace ployz::contract {

// Owns whatever the journal needs to live; `advance_ms` moves its wall clock.
class JournalUnderTest {
 public:
  virtual ~JournalUnderTest() = default;
  [[nodiscard]] virtual StepJournal& journal() = 0;
  virtual void advance_ms(uint64_t ms) = 0;
  // The journal as a restarted agent finds it.
  virtual void reopen() = 0;
};

class StepJournalContract : public testing::TestWithParam<std::unique_ptr<JournalUnderTest> (*)()> {
 protected:
  void SetUp() override { under_test_ = GetParam()(); }
  StepJournal& journal() { return under_test_->journal(); }
  static StepKey key(const char* operation, const char* step, StepVerb verb = StepVerb::apply) {
    return {OperationId(operation), StepId(step), verb};
  }
  std::unique_ptr<JournalUnderTest> under_test_;
};

TEST_P(StepJournalContract, WhatWasRecordedIsFoundAgainAfterARestart) {
  ASSERT_TRUE(journal().admit(OperationId("op"), 1));
  ASSERT_TRUE(journal().record(key("op", "a1"), Json{{"address", "10.0.0.7"}}));
  under_test_->reopen();
  const auto found = journal().find(key("op", "a1"));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((**found)["address"], "10.0.0.7");
}

TEST_P(StepJournalContract, ApplyAndUndoOfAStepAreTwoRecords) {
  ASSERT_TRUE(journal().admit(OperationId("op"), 1));
  ASSERT_TRUE(journal().record(key("op", "a1", StepVerb::undo), Json::object()));
  const auto applied = journal().find(key("op", "a1"));
  ASSERT_TRUE(applied);
  EXPECT_FALSE(*applied);
  const auto undone = journal().find(key("op", "a1", StepVerb::undo));
  ASSERT_TRUE(undone);
  EXPECT_TRUE(*undone);
}

TEST_P(StepJournalContract, AReplacedCoordinatorIsRefusedForEver) {
  ASSERT_TRUE(journal().admit(OperationId("op"), 2));
  ASSERT_TRUE(journal().admit(OperationId("op"), 2));
  under_test_->reopen();
  const Status replaced = journal().admit(OperationId("op"), 1);
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Code::conflict);
  EXPECT_TRUE(journal().admit(OperationId("op"), 3));
  EXPECT_TRUE(journal().admit(OperationId("other"), 1));
}

TEST_P(StepJournalContract, PruningForgetsTheOldAndKeepsTheRecent) {
  ASSERT_TRUE(journal().admit(OperationId("old"), 1));
  ASSERT_TRUE(journal().record(key("old", "a1"), Json::object()));
  under_test_->advance_ms(10'000);
  ASSERT_TRUE(journal().admit(OperationId("new"), 1));
  ASSERT_TRUE(journal().record(key("new", "a1"), Json::object()));
  ASSERT_TRUE(journal().prune(1'000 + 5'000));
  const auto forgotten = journal().find(key("old", "a1"));
  ASSERT_TRUE(forgotten);
  EXPECT_FALSE(*forgotten);
  const auto kept = journal().find(key("new", "a1"));
  ASSERT_TRUE(kept);
  EXPECT_TRUE(*kept);
}

}  // namespace ployz::contract

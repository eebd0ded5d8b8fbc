#include "drivers/sqlite/step_journal.h"

#include <gtest/gtest.h>

#include <fstream>

namespace ployz {
namespace {

struct SetClock final : Clock {
  uint64_t now_ms = 1000;
  uint64_t wall_ms() override { return now_ms; }
  uint64_t steady_ms() override { return now_ms; }
  bool sleep_for(std::chrono::milliseconds, std::stop_token) override { return true; }
};

class StepJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = std::filesystem::path(testing::TempDir()) /
            (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".db");
    forget();
  }
  void TearDown() override { forget(); }
  void forget() {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(file_.string() + suffix);
    }
  }
  std::unique_ptr<StepJournal> open() {
    auto journal = open_step_journal(file_, clock_);
    EXPECT_TRUE(journal) << journal.error().message;
    return std::move(*journal);
  }
  std::filesystem::path file_;
  SetClock clock_;
  const StepKey apply_{OperationId("op"), StepId("a01"), StepVerb::apply};
  const StepKey undo_{OperationId("op"), StepId("a01"), StepVerb::undo};
};

TEST_F(StepJournalTest, RemembersOverReopening) {
  {
    const auto journal = open();
    EXPECT_EQ(journal->find(apply_).value(), std::nullopt);
    EXPECT_TRUE(journal->record(apply_, {{"id", "x"}}));
    EXPECT_TRUE(journal->admit(OperationId("op"), 2));
  }
  const auto journal = open();
  EXPECT_EQ(journal->find(apply_).value(), Json({{"id", "x"}}));
  EXPECT_EQ(journal->find(undo_).value(), std::nullopt);
  EXPECT_TRUE(journal->record(undo_, "\xff"));  // not UTF-8: replaced, not fatal
  EXPECT_TRUE(journal->find(undo_).value());
  EXPECT_EQ(journal->admit(OperationId("op"), 1).error().code, Code::conflict);
  EXPECT_TRUE(journal->admit(OperationId("op"), 2));
  EXPECT_TRUE(journal->admit(OperationId("op"), 3));
  EXPECT_TRUE(journal->admit(OperationId("other"), 1));
}

TEST_F(StepJournalTest, PruneForgetsWholeOldOperationsOnly) {
  const auto journal = open();
  const StepKey old{OperationId("old"), StepId("a01"), StepVerb::apply};
  EXPECT_TRUE(journal->admit(OperationId("old"), 5));
  EXPECT_TRUE(journal->record(old, 1));
  EXPECT_TRUE(journal->admit(OperationId("op"), 5));
  EXPECT_TRUE(journal->record(apply_, 1));
  clock_.now_ms = 2000;
  EXPECT_TRUE(journal->record(undo_, 1));
  EXPECT_TRUE(journal->prune(1500));
  EXPECT_EQ(journal->find(old).value(), std::nullopt);
  EXPECT_TRUE(journal->find(apply_).value());
  EXPECT_TRUE(journal->admit(OperationId("old"), 1));
  EXPECT_EQ(journal->admit(OperationId("op"), 1).error().code, Code::conflict);
}

TEST_F(StepJournalTest, GarbageIsCorruptAndSaysWhere) {
  std::ofstream(file_) << std::string(8192, 'x');
  const auto journal = open_step_journal(file_, clock_);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, Code::corrupt);
  EXPECT_NE(journal.error().message.find(file_.string()), std::string::npos);
  EXPECT_FALSE(journal.error().hint.empty());
}

TEST_F(StepJournalTest, AMissingFolderIsUnavailable) {
  EXPECT_EQ(open_step_journal(file_ / "no" / "x.db", clock_).error().code, Code::unavailable);
}

}  // namespace
}  // namespace ployz

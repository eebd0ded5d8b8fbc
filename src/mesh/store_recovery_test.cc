#include "mesh/store_recovery.h"

#include <format>

#include <gtest/gtest.h>

namespace ployz {
namespace {

Machine machine(int n) {
  Machine machine;
  machine.id = MachineId(std::format("id-{}", n));
  machine.name = std::format("m{}", n);
  machine.overlay_address = std::format("10.101.{}.1", n);
  return machine;
}

MirrorReach reach(uint64_t commits, uint64_t records = 10) {
  MirrorReach reach;
  reach.epoch = 1;
  reach.complete = true;
  reach.commits = reach.stored_commits = commits;
  reach.records = reach.stored_records = records;
  reach.window_ms = 1500;
  return reach;
}

MirrorReach no_copy() {
  MirrorReach reach;
  reach.epoch = 1;
  return reach;
}

class PlanRecovery : public ::testing::Test {
 protected:
  // The store was on m1.
  static Result<RecoveryReport> plan(int self, const std::map<int, MirrorReach>& answers) {
    std::map<MachineId, MirrorReach> found;
    for (const auto& [n, reach] : answers) found[machine(n).id] = reach;
    return plan_recovery(machine(self), {1, {{MachineId("id-1"), "10.101.1.1"}}},
                         {machine(1), machine(2), machine(3)}, found);
  }
};

TEST_F(PlanRecovery, FromTheMostAdvancedCopy) {
  const auto report = plan(2, {{2, reach(7)}, {3, reach(6, 99)}});
  ASSERT_TRUE(report) << report.error().line();
  EXPECT_EQ(report->after, (StoreEpoch{2, {{MachineId("id-2"), "10.101.2.1"}}}));
  ASSERT_EQ(report->copies.size(), 2U);
  EXPECT_EQ(report->copies.front().name, "m2");
  EXPECT_EQ(report->silent, std::vector<std::string>{"m1"});
  EXPECT_EQ(report->window_ms(), 1500U);
}

TEST_F(PlanRecovery, SaysWhatAnybodyKnowsToBeMissing) {
  MirrorReach knows = reach(5, 8);
  knows.stored_commits = 9;
  knows.stored_records = 14;
  const auto report = plan(2, {{2, reach(7)}, {3, knows}});
  ASSERT_TRUE(report) << report.error().line();
  EXPECT_EQ(report->missing, (StoreReach{2, 4}));
  EXPECT_EQ(plan(2, {{2, reach(7)}})->missing, StoreReach());
}

TEST_F(PlanRecovery, ItIsRunWhereThatIs) {
  const auto report = plan(2, {{2, reach(7)}, {3, reach(7, 11)}});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::precondition);
  EXPECT_TRUE(report.error().message.contains("commit 7 and 11")) << report.error().message;
  EXPECT_TRUE(report.error().hint.ends_with("on m3")) << report.error().hint;
  // Of equal ones this machine's.
  EXPECT_TRUE(plan(3, {{2, reach(7)}, {3, reach(7)}}));
  // One that has none is told where there is one.
  const auto elsewhere = plan(2, {{2, no_copy()}, {3, reach(7)}});
  ASSERT_FALSE(elsewhere);
  EXPECT_TRUE(elsewhere.error().message.contains("not complete")) << elsewhere.error().message;
}

TEST_F(PlanRecovery, AStoreThatLivesIsNotRecovered) {
  const auto alive = plan(2, {{1, no_copy()}, {2, reach(7)}});
  ASSERT_FALSE(alive);
  EXPECT_TRUE(alive.error().message.contains("m1 holds the store, and it is alive"));
  MirrorReach ahead = no_copy();
  ahead.epoch = 2;
  const auto moved = plan(2, {{2, reach(7)}, {3, ahead}});
  ASSERT_FALSE(moved);
  EXPECT_TRUE(moved.error().message.contains("epoch 2")) << moved.error().message;
}

TEST_F(PlanRecovery, WithoutACompleteCopyThereIsNothing) {
  EXPECT_FALSE(plan(2, {}));
  MirrorReach incomplete = reach(7);
  incomplete.complete = false;
  EXPECT_FALSE(plan(2, {{2, incomplete}}));
  // A copy of an earlier store is none of this one.
  MirrorReach former = reach(99);
  former.epoch = 0;
  const auto report = plan(2, {{2, reach(7)}, {3, former}});
  ASSERT_TRUE(report) << report.error().line();
  EXPECT_EQ(report->incomplete, std::vector<std::string>{"m3"});
}

TEST_F(PlanRecovery, OneAtATime) {
  MirrorReach at_it = reach(7);
  at_it.recovering = true;
  const auto other = plan(2, {{2, reach(8)}, {3, at_it}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::conflict);
  EXPECT_TRUE(plan(3, {{2, reach(7)}, {3, at_it}}));
}

}  // namespace
}  // namespace ployz

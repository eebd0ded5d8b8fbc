// What those that hold the store decide, and what they make of each other's late steps.
#include "mesh/store_decision.h"

#include <gtest/gtest.h>

#include "engine/testing/fake_cluster.h"
#include "mesh/roster.h"

namespace ployz {
namespace {

using testing::Cluster;
using testing::test_machine;

// In memory; somebody else may act before any call of it.
class Log final : public TransferLog {
 public:
  std::vector<TransferRecord> records;
  bool frozen = false;
  std::function<void()> before_freeze, before_append;

  Result<std::optional<StoredTransfer>> newest() override {
    if (records.empty()) return std::nullopt;
    return StoredTransfer{records.back(), records.size()};
  }
  Result<uint64_t> append(const TransferRecord& record, uint64_t expected) override {
    if (const auto act = std::exchange(before_append, {})) act();
    if (records.size() != expected) return fail(Code::conflict, "another is the newest");
    records.push_back(record);
    return records.size();
  }
  Status check_frozen() override {
    if (frozen) return {};
    return fail(Code::conflict, "it takes writes");
  }
  Status set_frozen(bool wanted) override {
    if (const auto act = std::exchange(before_freeze, {})) act();
    frozen = wanted;
    return {};
  }
};

const StoreEpoch kNow{1, {{MachineId("machine-1"), "10.101.0.1"}}};

StoreCall call_of(const std::string& operation) {
  return {OperationId(operation), {2, {{MachineId("machine-2"), "10.101.1.1"}}}, ""};
}

Status begin(Log& log, const std::string& operation) {
  return begin_transfer(log, kNow, call_of(operation), 1000);
}

TEST(StoreDecision, OneTransferAtATime) {
  Log log;
  ASSERT_TRUE(begin(log, "a"));
  EXPECT_TRUE(log.frozen);
  EXPECT_EQ(log.records.back().deadline_ms, 1000u + kStoreDecision.count());
  ASSERT_TRUE(begin(log, "a"));  // asked again
  EXPECT_EQ(log.records.size(), 1u);
  const Status other = begin(log, "b");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::conflict);
}

// The other one's coordinator gives up what never began, in the middle of this one's copy.
TEST(StoreDecision, WhoGivesUpLetsNoWritesInThatAnotherKeepsOut) {
  Log log;
  ASSERT_TRUE(begin(log, "a"));
  EXPECT_EQ(decide_transfer(log, call_of("b"), TransferState::aborted), TransferState::aborted);
  EXPECT_TRUE(log.frozen);
  EXPECT_EQ(decide_transfer(log, call_of("a"), TransferState::committed),
            TransferState::committed);
  EXPECT_TRUE(log.frozen);
  EXPECT_EQ(decide_transfer(log, call_of("a"), TransferState::aborted), TransferState::committed);
  EXPECT_TRUE(log.frozen);
}

TEST(StoreDecision, OfTwoDecisionsTheFirstHolds) {
  Log log;
  ASSERT_TRUE(begin(log, "a"));
  log.before_append = [&] {
    EXPECT_EQ(decide_transfer(log, call_of("a"), TransferState::aborted), TransferState::aborted);
  };
  EXPECT_EQ(decide_transfer(log, call_of("a"), TransferState::committed), TransferState::aborted);
  EXPECT_FALSE(log.frozen);
  EXPECT_EQ(log.records.size(), 2u);
}

TEST(StoreDecision, NothingIsCommittedWhileAStreamTakesWrites) {
  Log log;
  ASSERT_TRUE(begin(log, "a"));
  log.frozen = false;
  const auto decided = decide_transfer(log, call_of("a"), TransferState::committed);
  ASSERT_FALSE(decided);
  EXPECT_EQ(decided.error().code, Code::conflict);
  EXPECT_EQ(log.records.size(), 1u);
}

// One that stood still for a minute unfreezes what another has begun meanwhile, and sees it.
TEST(StoreDecision, ALateThawIsTakenBack) {
  Log log;
  ASSERT_TRUE(begin(log, "a"));
  log.before_freeze = [&] { EXPECT_TRUE(begin(log, "b")); };
  EXPECT_EQ(decide_transfer(log, call_of("a"), TransferState::aborted), TransferState::aborted);
  EXPECT_EQ(log.records.back().operation, OperationId("b"));
  EXPECT_TRUE(log.frozen);
}

// The freeze of one that was given up while it began.
TEST(StoreDecision, ALateFreezeIsTakenBack) {
  Log log;
  log.before_freeze = [&] {
    EXPECT_EQ(decide_transfer(log, call_of("a"), TransferState::aborted), TransferState::aborted);
  };
  const Status begun = begin(log, "a");
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Code::conflict);
  EXPECT_FALSE(log.frozen);
}

TEST(StoreDecision, ServersAreStartedBeforeAnythingBegins) {
  const Machine self = test_machine(2);
  EXPECT_TRUE(check_prepare(self, kNow, std::nullopt, call_of("a")));
  const auto state = [](TransferState state) {
    return StoredTransfer{{state, OperationId("a"), call_of("a").next, 0}, 1};
  };
  for (const std::string operation : {"a", "b"}) {
    EXPECT_EQ(check_prepare(self, kNow, state(TransferState::begun), call_of(operation)).error().code,
              Code::conflict);
    EXPECT_EQ(
        check_prepare(self, kNow, state(TransferState::committed), call_of(operation)).error().code,
        Code::conflict);
  }
  EXPECT_FALSE(check_prepare(self, kNow, state(TransferState::aborted), call_of("a")));
  EXPECT_TRUE(check_prepare(self, kNow, state(TransferState::aborted), call_of("b")));
  EXPECT_FALSE(check_prepare(self, {2, kNow.members}, std::nullopt, call_of("a")));
  EXPECT_FALSE(check_prepare(test_machine(3), kNow, std::nullopt, call_of("a")));
}

TEST(StoreDecision, WhatFollowsFromTheNewestRecord) {
  const Machine holder = test_machine(1);
  const Machine other = test_machine(2);
  StoredTransfer newest{{TransferState::begun, OperationId("a"), call_of("a").next, 500}, 1};
  EXPECT_EQ(next_move(holder, kNow, std::nullopt, 0), StoreMove::none);
  EXPECT_EQ(next_move(holder, kNow, newest, 499), StoreMove::none);
  EXPECT_EQ(next_move(holder, kNow, newest, 500), StoreMove::give_up);
  EXPECT_EQ(next_move(holder, kNow, newest, 499, true), StoreMove::give_up);
  EXPECT_EQ(next_move(other, kNow, newest, 499, true), StoreMove::none);
  EXPECT_EQ(next_move(other, kNow, newest, 500), StoreMove::none);
  newest.record.state = TransferState::aborted;
  EXPECT_EQ(next_move(other, kNow, newest, 0), StoreMove::discard);
  newest.record.state = TransferState::committed;
  EXPECT_EQ(next_move(other, kNow, newest, 0), StoreMove::go_over);
  EXPECT_EQ(next_move(other, call_of("a").next, newest, 0), StoreMove::none);
}

TEST(StoreDecision, AStoreSaysWhichOperationMadeIt) {
  Cluster cluster{2};
  ASSERT_TRUE(cluster.records.create(Bucket::meta, kStoreEpochKey, "1"));
  const auto early = decided_before(cluster.records, call_of("a"));
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::unavailable);
  ASSERT_TRUE(write_place(cluster.records, cluster.clock, call_of("a")));
  ASSERT_TRUE(write_place(cluster.records, cluster.clock, call_of("a")));
  EXPECT_EQ(cluster.records.get(Bucket::meta, kStoreEpochKey).value()->value, "2");
  EXPECT_EQ(decided_before(cluster.records, call_of("a")), TransferState::committed);
  EXPECT_EQ(decided_before(cluster.records, call_of("b")), TransferState::aborted);
  const Roster roster = read_roster(cluster.records).value();
  EXPECT_FALSE(roster.machine(MachineId("machine-1"))->stores);
  EXPECT_TRUE(roster.machine(MachineId("machine-2"))->stores);
}

}  // namespace
}  // namespace ployz

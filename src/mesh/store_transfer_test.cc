// The coordinator alone: what it asks of machines, in which order, and what it makes of their answers.
#include "mesh/store_transfer.h"

#include <gtest/gtest.h>

#include "engine/testing/fake_cluster.h"
#include "mesh/store_decision.h"

namespace ployz {
namespace {

using testing::Cluster;
using testing::test_machine;

// Machines that say yes; who is to say something else is told. Holding the store is one of them.
class Machines final : public testing::SerialRpc {
 public:
  explicit Machines(KeyValue& records) : records_(records) {}

  std::string log;                                  // "prepare m2, freeze m1, …"
  std::map<std::string, std::deque<Error>> fails;  // by "command machine"
  std::map<std::string, std::function<void()>> before;  // the same: somebody acts first
  TransferState decided = TransferState::begun;
  bool frozen = false;
  uint64_t epoch = 1;
  // Of everybody, as "store_epoch" answers it; nullopt: they are too old to say.
  std::optional<std::vector<std::string>> coordinated = std::vector<std::string>();

  Result<Json> call(const RpcAddress& to, const Json& request, std::chrono::milliseconds) override {
    const std::string who = to.machine.str().substr(std::string_view("machine-").size());
    const std::string what = std::format("{} {}", to.command, who);
    if (to.command != kStoreEpoch) log += (log.empty() ? "" : ", ") + what.substr(6);
    if (const auto act = std::exchange(before[what], {})) act();
    if (auto& left = fails[what]; !left.empty()) {
      Error error = left.front();
      left.pop_front();
      return fail(std::move(error));
    }
    if (to.command == kStoreEpoch) {
      return coordinated ? Json{{"epoch", epoch}, {"coordinates", *coordinated}} : Json{{"epoch", epoch}};
    }
    if (to.command == kStoreFreeze) frozen = true;
    if (to.command == kStoreCopy) return to_json(CopiedStore{7, 700});
    if (to.command == kStoreCommit || to.command == kStoreAbort) return decide(to.command, request);
    return Json::object();
  }

 private:
  Result<Json> decide(const std::string& command, const Json& request) {
    const StoreCall asked = TRY(store_call_from_json(request));
    // Of what has not begun nothing is recorded.
    if (!frozen && command == kStoreAbort) return to_json(Decision{TransferState::aborted, 0});
    if (decided == TransferState::begun) {
      decided = command == kStoreCommit ? TransferState::committed : TransferState::aborted;
      if (decided == TransferState::committed) move_to(asked.next);
    }
    return to_json(Decision{decided, 40});
  }
  // As the copy says it, in the store that is in force now.
  void move_to(const StoreEpoch& next) {
    epoch = next.epoch;
    const auto record = records_.get(Bucket::meta, kStoreEpochKey).value();
    EXPECT_TRUE(records_.update(Bucket::meta, kStoreEpochKey, std::to_string(epoch),
                                record->revision));
  }

  KeyValue& records_;
};

class StoreTransferTest : public ::testing::Test {
 protected:
  StoreTransferTest() {
    EXPECT_TRUE(cluster_.records.create(Bucket::meta, kStoreEpochKey, "1"));
    Machine first = test_machine(1);
    first.stores = true;
    const auto record = cluster_.records.get(Bucket::machines, first.id.str()).value();
    EXPECT_TRUE(cluster_.records.update(Bucket::machines, first.id.str(), to_text(to_json(first)),
                                        record->revision));
  }

  StoreTransfer transfer() {
    return {MachineId("machine-3"),
            {cluster_.records, machines_, cluster_.clock, cluster_.entropy, moves_}};
  }
  Result<StoreReport> to_m2() { return transfer().run({1, {"m2"}, false}, {}, {}); }
  Operation newest() {
    return list_operations(cluster_.records, 1).value().at(0).operation;
  }
  static Error away() { return {Code::unavailable, Effect::none, "m2 is away", "", {}}; }

  Cluster cluster_{3};
  MovesUnderWay moves_;
  Machines machines_{cluster_.records};
};

TEST_F(StoreTransferTest, EveryPartInItsOrder) {
  const auto done = to_m2();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(machines_.log, "prepare 2, form 2, freeze 1, copy 2, commit 1");
  EXPECT_EQ(done->outcome, Outcome::committed);
  EXPECT_EQ(done->after.epoch, 2u);
  EXPECT_EQ(done->copied.messages, 7u);
  EXPECT_EQ(done->frozen_ms, 40u);
  EXPECT_TRUE(done->silent.empty());
  EXPECT_EQ(newest().outcome, Outcome::committed);
}

TEST_F(StoreTransferTest, WhereItIsWantedNothingMoves) {
  const auto done = transfer().run({1, {"m1"}, false}, {}, {});
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->outcome, Outcome::unchanged);
  const auto preview = transfer().run({3, {"m2", "m3"}, true}, {}, {});
  ASSERT_TRUE(preview);
  EXPECT_EQ(preview->machines, (std::vector<std::string>{"m1", "m2", "m3"}));
  EXPECT_EQ(machines_.log, "");
  EXPECT_TRUE(list_operations(cluster_.records, 9).value().empty());
}

// Whoever moved it may have died before everybody followed; the same command waits for that.
TEST_F(StoreTransferTest, WhereItIsAlreadyWhoDoesNotFollowYetIsNamed) {
  machines_.epoch = 0;
  const auto done = transfer().run({1, {"m1"}, false}, {}, {});
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->outcome, Outcome::unchanged);
  EXPECT_EQ(done->silent, (std::vector<std::string>{"m1", "m2", "m3"}));
}

TEST_F(StoreTransferTest, WhateverFailsBeforeTheCommitIsGivenUp) {
  for (const std::string part :
       {"store_prepare 2", "store_form 2", "store_freeze 1", "store_copy 2"}) {
    machines_.log.clear();
    machines_.decided = TransferState::begun;
    machines_.fails[part] = {away()};
    if (part == "store_form 2") machines_.fails[part].resize(kStoreStarts, away());
    const auto done = to_m2();
    ASSERT_FALSE(done) << part;
    EXPECT_EQ(done.error().code, Code::unavailable);
    EXPECT_TRUE(machines_.log.ends_with("abort 1, discard 2")) << machines_.log;
    EXPECT_EQ(newest().outcome, Outcome::failed);
    EXPECT_EQ(machines_.epoch, 1u);
  }
  machines_.fails["store_prepare 2"] = {away()};
  const auto done = to_m2();
  EXPECT_TRUE(done.error().line().contains("machine m2")) << done.error().line();
}

// Servers that start together may never find each other; others that start in their place do.
TEST_F(StoreTransferTest, ServersThatAreNotOneStoreAreStartedAgain) {
  machines_.fails["store_form 2"] = {away(), away()};
  const auto done = to_m2();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(machines_.log,
            "prepare 2, form 2, discard 2, prepare 2, form 2, discard 2, prepare 2, form 2, "
            "freeze 1, copy 2, commit 1");
}

TEST_F(StoreTransferTest, WhatCannotBeOneStoreIsNotStartedAgain) {
  machines_.fails["store_form 2"] = {{Code::precondition, Effect::none, "no such server", "", {}}};
  const auto done = to_m2();
  ASSERT_FALSE(done);
  EXPECT_EQ(machines_.log, "prepare 2, form 2, abort 1, discard 2");
}

// The answer was lost, not the decision: it is asked for again.
TEST_F(StoreTransferTest, ALostAnswerToTheCommitIsAskedForAgain) {
  machines_.fails["store_commit 1"] = {
      {Code::timeout, Effect::unknown, "no answer", "", {}}, away()};
  const auto done = to_m2();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(machines_.log, "prepare 2, form 2, freeze 1, copy 2, commit 1, commit 1, commit 1");
}

// It was frozen for too long, and who holds it gave it up.
TEST_F(StoreTransferTest, WhoHoldsTheStoreHasTheLastWord) {
  machines_.decided = TransferState::aborted;
  const auto done = to_m2();
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message.contains("frozen for too long"));
  EXPECT_TRUE(machines_.log.ends_with("commit 1, discard 2")) << machines_.log;
}

TEST_F(StoreTransferTest, AnOpenDecisionIsSettledLater) {
  machines_.fails["store_commit 1"] = std::deque<Error>(5, away());
  const auto open = to_m2();
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().effect, Effect::unknown);
  EXPECT_FALSE(machines_.log.contains("discard")) << machines_.log;
  const OperationId id = newest().id;
  EXPECT_FALSE(newest().ended());
  // Nothing was decided: it is given up now.
  const auto settled = transfer().settle(id);
  ASSERT_TRUE(settled) << settled.error().line();
  EXPECT_EQ(settled->outcome, Outcome::failed);
  EXPECT_EQ(transfer().settle(id)->outcome, Outcome::failed);
}

TEST_F(StoreTransferTest, ADecisionNobodyHeardOfIsSettledAsTheStoreSays) {
  machines_.fails["store_commit 1"] = std::deque<Error>(5, away());
  ASSERT_FALSE(to_m2());
  const auto record = cluster_.records.get(Bucket::meta, kStoreEpochKey).value();
  ASSERT_TRUE(cluster_.records.update(Bucket::meta, kStoreEpochKey, "2", record->revision));
  machines_.log.clear();
  const auto settled = transfer().settle(newest().id);
  ASSERT_TRUE(settled) << settled.error().line();
  EXPECT_EQ(settled->outcome, Outcome::committed);
  EXPECT_EQ(machines_.log, "");
}

// The epoch that it was for has come, by another operation.
TEST_F(StoreTransferTest, AnotherOperationsEpochIsNotIts) {
  machines_.fails["store_commit 1"] = std::deque<Error>(5, away());
  ASSERT_FALSE(to_m2());
  const StoreCall other{OperationId("other"), {2, {{MachineId("machine-2"), "10.101.1.1"}}}, ""};
  ASSERT_TRUE(write_place(cluster_.records, cluster_.clock, other));
  const auto settled = transfer().settle(newest().id);
  ASSERT_TRUE(settled) << settled.error().line();
  EXPECT_EQ(settled->outcome, Outcome::failed);
}

// `op resume` of one whose coordinator lives, and has not frozen anything yet: it goes no further.
TEST_F(StoreTransferTest, WhatWasSettledMeanwhileIsNotCommitted) {
  machines_.before["store_freeze 1"] = [&] {
    const auto settled = transfer().settle(newest().id);
    ASSERT_TRUE(settled) << settled.error().line();
    EXPECT_EQ(settled->outcome, Outcome::failed);
  };
  const auto done = to_m2();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::conflict);
  EXPECT_FALSE(machines_.log.contains("commit")) << machines_.log;
  EXPECT_EQ(machines_.epoch, 1u);
  EXPECT_EQ(newest().outcome, Outcome::failed);
}

// The journal was read before the freeze, so whoever settles it looks at the store once more.
TEST_F(StoreTransferTest, WhoSettlesLooksAtTheStoreAgain) {
  machines_.fails["store_commit 1"] = std::deque<Error>(5, away());
  ASSERT_FALSE(to_m2());
  const OperationId id = newest().id;
  machines_.frozen = false;
  machines_.before["store_abort 1"] = [&] {
    machines_.before["store_abort 1"] = [&] { machines_.frozen = true; };
  };
  const auto settled = transfer().settle(id);
  ASSERT_TRUE(settled) << settled.error().line();
  EXPECT_EQ(settled->outcome, Outcome::failed);
  EXPECT_EQ(machines_.decided, TransferState::aborted);
}

// Its coordinator died. Nobody needs to know, or to wait: the same command ends it, and goes on.
TEST_F(StoreTransferTest, WhatADeadOneLeftIsEndedByTheSameCommand) {
  machines_.fails["store_commit 1"] = std::deque<Error>(5, away());
  ASSERT_FALSE(to_m2());
  const OperationId left = newest().id;
  machines_.log.clear();
  machines_.before["store_prepare 2"] = [&] { machines_.decided = TransferState::begun; };
  const auto done = to_m2();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(machines_.log, "abort 1, abort 1, prepare 2, form 2, freeze 1, copy 2, commit 1");
  EXPECT_EQ(find_operation(cluster_.records, left).value()->operation.outcome, Outcome::failed);
  EXPECT_EQ(done->outcome, Outcome::committed);
}

TEST_F(StoreTransferTest, WhatADeadOneHadDecidedIsAllThatWasWanted) {
  machines_.fails["store_commit 1"] = std::deque<Error>(5, away());
  ASSERT_FALSE(to_m2());
  const StoreCall call{newest().id, {2, {{MachineId("machine-2"), "10.101.1.1"}}}, ""};
  ASSERT_TRUE(write_place(cluster_.records, cluster_.clock, call));
  machines_.log.clear();
  const auto done = to_m2();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->outcome, Outcome::unchanged);
  EXPECT_EQ(newest().outcome, Outcome::committed);
  EXPECT_EQ(machines_.log, "");
}

TEST_F(StoreTransferTest, AnotherOneThatIsUnderWayIsNotDisturbed) {
  machines_.fails["store_commit 1"] = std::deque<Error>(5, away());
  ASSERT_FALSE(to_m2());
  machines_.coordinated = {newest().id.str()};
  machines_.log.clear();
  const auto refused = to_m2();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(refused.error().effect, Effect::none);
  EXPECT_TRUE(refused.error().hint.contains(newest().id.str())) << refused.error().hint;
  EXPECT_EQ(machines_.log, "");
  EXPECT_FALSE(newest().ended());
  // One that cannot say is left alone too; the store decides between the two.
  machines_.coordinated.reset();
  EXPECT_TRUE(to_m2());
  EXPECT_EQ(machines_.log, "prepare 2, form 2, freeze 1, copy 2, commit 1");
}

// The copier's answer was lost: it is asked again for what it has done.
TEST_F(StoreTransferTest, ALostAnswerToTheCopyIsAskedForAgain) {
  machines_.fails["store_copy 2"] = {{Code::timeout, Effect::unknown, "no answer", "", {}}};
  const auto done = to_m2();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(machines_.log, "prepare 2, form 2, freeze 1, copy 2, copy 2, commit 1");
}

TEST_F(StoreTransferTest, ItSaysThatItIsUnderWay) {
  machines_.before["store_prepare 2"] = [&] {
    EXPECT_EQ(moves_.list(), std::vector{newest().id});
  };
  ASSERT_TRUE(to_m2());
  EXPECT_TRUE(moves_.list().empty());
}

TEST_F(StoreTransferTest, WhoDoesNotFollowInTimeIsNamed) {
  machines_.fails["store_epoch 3"] = std::deque<Error>(10000, away());
  const auto done = to_m2();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->silent, std::vector<std::string>{"m3"});
  EXPECT_EQ(done->outcome, Outcome::committed);
}

}  // namespace
}  // namespace ployz

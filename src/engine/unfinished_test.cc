// Unfinished operations are found and settled by the next command, whatever became of their lease.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/lease.h"
#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using ployz::testing::Cluster;
using ployz::testing::deploy_web;
using ployz::testing::failing;
using ::testing::HasSubstr;

// web:2 over web:1, committed, but the router did not confirm: web:1 is kept.
Operation leave_pending(Cluster& cluster) {
  EXPECT_TRUE(cluster.run(deploy_web()));
  cluster.machines.fault = failing("flip", Code::timeout);
  const auto pending = cluster.run(deploy_web("shop/web:2"));
  cluster.machines.fault = nullptr;
  EXPECT_TRUE(pending);
  EXPECT_EQ(pending->outcome, Outcome::committed_cleanup_pending);
  EXPECT_EQ(cluster.machines.containers(), 2u);
  return *pending;
}

void lose_leases(Cluster& cluster) {
  const auto leases = cluster.records.list(Bucket::leases);
  for (const Record& lease : *leases) {
    ASSERT_TRUE(cluster.records.remove(Bucket::leases, lease.key, lease.revision));
  }
}

void expect_finished(Cluster& cluster, const OperationId& id) {
  EXPECT_EQ(cluster.engine->operation(id)->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.containers(), 1u);
  EXPECT_TRUE(cluster.records.list(Bucket::leases)->empty());
}

TEST(Unfinished, TheSameCommandFinishesTheCleanupThoughNothingElseIsToDo) {
  Cluster cluster;
  const Operation pending = leave_pending(cluster);
  const auto again = cluster.run(deploy_web("shop/web:2"));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->outcome, Outcome::unchanged);
  expect_finished(cluster, pending.id);
}

TEST(Unfinished, IsSettledByTheDaemonThatLeftItThoughTheLeaseIsLost) {
  Cluster cluster;
  const Operation pending = leave_pending(cluster);
  lose_leases(cluster);
  EXPECT_EQ(cluster.run(deploy_web("shop/web:2"))->outcome, Outcome::unchanged);
  expect_finished(cluster, pending.id);
}

TEST(Unfinished, IsSettledByADaemonThatNeverHeardOfItThoughTheLeaseIsLost) {
  Cluster cluster(2);
  const Operation pending = leave_pending(cluster);
  lose_leases(cluster);
  cluster.config.self = MachineId("machine-2");
  cluster.restart();
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::committed);
  expect_finished(cluster, pending.id);
}

TEST(Unfinished, IsSettledByADaemonThatSawItInAList) {
  Cluster cluster(2);
  EngineConfig config = cluster.config;
  config.self = MachineId("machine-2");
  Engine other(config, cluster.ports());
  ASSERT_EQ(other.run(deploy_web(), {}, {})->outcome, Outcome::committed) << "it has read them all";
  const Operation pending = leave_pending(cluster);
  lose_leases(cluster);
  ASSERT_TRUE(other.operations(10));
  EXPECT_EQ(other.run(deploy_web("shop/web:2"), {}, {})->outcome, Outcome::unchanged);
  expect_finished(cluster, pending.id);
}

TEST(Unfinished, IsUndoneThoughTheLeaseIsLost) {
  Cluster cluster;
  struct Killed {};
  cluster.machines.fault = [](const std::string& line) -> std::optional<Error> {
    if (line.starts_with("apply await_ready")) throw Killed{};
    return std::nullopt;
  };
  EXPECT_THROW((void)cluster.run(deploy_web()), Killed);
  cluster.machines.fault = nullptr;
  const OperationId left = cluster.only_operation().id;
  lose_leases(cluster);
  cluster.restart();
  EXPECT_EQ(cluster.run(deploy_web("shop/web:2"))->outcome, Outcome::committed);
  EXPECT_EQ(cluster.engine->operation(left)->outcome, Outcome::failed);
  EXPECT_EQ(cluster.machines.containers(), 1u);
}

TEST(Unfinished, AnAbortOfWhatIsCommittedFinishesItAndSaysSo) {
  Cluster cluster;
  const Operation pending = leave_pending(cluster);
  cluster.machines.fault = failing("flip", Code::timeout);
  const auto refused = cluster.abort(pending.id);
  cluster.machines.fault = nullptr;
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_THAT(refused.error().message, HasSubstr("is committed, and cannot be finished now"));
  EXPECT_THAT(refused.error().hint, HasSubstr("op resume " + pending.id.str()));
  const auto finished = cluster.abort(pending.id);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Code::precondition);
  EXPECT_THAT(finished.error().message, HasSubstr("is committed, and was finished"));
  expect_finished(cluster, pending.id);
}

// Found by the simulation (seed 25301): somebody took the lease over between the moment a
// coordinator took it and the moment it recorded its operation, which then nothing named.
TEST(Unfinished, ALeaseWhoseOperationIsNotRecordedYetIsRespected) {
  Cluster cluster(2);
  EngineConfig config = cluster.config;
  config.self = MachineId("machine-2");
  Engine other(config, cluster.ports());
  std::optional<Result<Operation>> theirs;
  cluster.records.before_operation = [&] {
    theirs.emplace(other.run(deploy_web("shop/web:2"), {}, {}));
  };
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::committed);
  ASSERT_TRUE(theirs.has_value());
  ASSERT_FALSE(*theirs);
  EXPECT_EQ(theirs->error().code, Code::conflict);
}

// The same when the lease has expired meanwhile: only one of the two may go on.
TEST(Unfinished, WhoIsReplacedBeforeItRecordedItsOperationChangesNothing) {
  Cluster cluster(2);
  EngineConfig config = cluster.config;
  config.self = MachineId("machine-2");
  Engine other(config, cluster.ports());
  std::optional<Result<Operation>> theirs;
  cluster.records.before_operation = [&] {
    cluster.clock.now_ms += 60'000;  // it hangs
    theirs.emplace(other.run(deploy_web("shop/web:2"), {}, {}));
    cluster.take_log();
  };
  const auto replaced = cluster.run(deploy_web());
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Code::conflict);
  EXPECT_EQ(cluster.take_log(), "") << "it began nothing";
  ASSERT_TRUE(theirs.has_value());
  ASSERT_TRUE(*theirs) << theirs->error().line();
  EXPECT_EQ((*theirs)->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.containers(), 1u);
  const auto operations = cluster.engine->operations(10);
  ASSERT_EQ(operations->size(), 2u) << "the one that was closed is shown";
  for (const Operation& operation : *operations) {
    EXPECT_TRUE(operation.ended()) << operation.id.str();
  }
}

}  // namespace
}  // namespace ployz

#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/journal.h"
#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using ployz::testing::Cluster;
using ployz::testing::deploy_web;
using ployz::testing::test_request;
using ployz::testing::test_service;
using ::testing::HasSubstr;

constexpr std::string_view kCreateLog =
    "apply ensure_image machine-1\n"
    "apply run_instance machine-1\n"
    "apply await_ready machine-1\n"
    "apply prepare_routes machine-1\n"
    "flip machine-1\n";
constexpr std::string_view kReplaceLog =
    "apply ensure_image machine-1\n"
    "apply run_instance machine-1\n"
    "apply await_ready machine-1\n"
    "apply prepare_routes machine-1\n"
    "flip machine-1\n"
    "apply drain_routes machine-1\n"
    "apply remove_instance machine-1\n";

TEST(Engine, DeploysUpdatesAndRemoves) {
  Cluster cluster;
  auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(operation->committed_sequence, 1u);
  EXPECT_EQ(cluster.take_log(), kCreateLog);
  EXPECT_TRUE(cluster.records.list(Bucket::leases)->empty());

  operation = cluster.run(deploy_web("shop/web:2"));
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(cluster.take_log(), kReplaceLog);
  EXPECT_EQ(cluster.machines.running(), "web");

  operation = cluster.run(NamespaceRmRequest{NamespaceName("shop"), false});
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.containers(), 0u);
  EXPECT_EQ(cluster.engine->operations(10)->size(), 3u);
}

TEST(Engine, TheSameAgainIsUnchangedAndLeavesNoTrace) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  cluster.take_log();
  const auto again = cluster.run(deploy_web());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->outcome, Outcome::unchanged);
  EXPECT_EQ(cluster.take_log(), "");
  EXPECT_EQ(cluster.commits.all.size(), 1u);
  EXPECT_EQ(cluster.engine->operations(10)->size(), 1u);
}

TEST(Engine, PreviewChangesNothing) {
  Cluster cluster;
  const auto plan = cluster.engine->preview(deploy_web());
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->changes.empty());
  EXPECT_EQ(cluster.take_log(), "");
  EXPECT_TRUE(cluster.commits.all.empty());
  EXPECT_TRUE(cluster.records.list(Bucket::operations)->empty());
}

TEST(Engine, ARefusalAtPlanRecordsNothing) {
  Cluster cluster;
  const auto refused = cluster.run(deploy_web("shop/none:1"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_TRUE(cluster.records.list(Bucket::operations)->empty());
  EXPECT_TRUE(cluster.records.list(Bucket::leases)->empty());
}

TEST(Engine, RecordsPhasesInOrderWithTheirDurations) {
  Cluster cluster;
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation);
  for (const char* phase : {"plan", "lock", "probe", "apply", "commit", "flip", "cleanup"}) {
    EXPECT_TRUE(operation->phase_ms.contains(phase)) << phase;
  }
  EXPECT_THAT(cluster.events, ::testing::Contains(HasSubstr("on m1")));
}

TEST(Engine, GarbageInTheStoreIsNamedAndSkipped) {
  Cluster cluster;
  (void)cluster.records.create(Bucket::machines, "junk", "{not json");
  (void)cluster.records.create(Bucket::operations, "junk", "[]");
  (void)cluster.records.create(Bucket::leases, "ns.shop", "\xff\xfe");
  (void)cluster.commits.append(NamespaceName("other"), 0, "garbage");
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_THAT(cluster.events, ::testing::Contains(HasSubstr("machine record 'junk' is skipped")));
  EXPECT_THAT(cluster.events, ::testing::Contains(HasSubstr("namespace other")));
  EXPECT_EQ(cluster.engine->operations(10)->size(), 1u);
}

TEST(Engine, GarbageInTheNamespaceAtHandIsRefused) {
  Cluster cluster;
  (void)cluster.commits.append(NamespaceName("shop"), 0, "garbage");
  const auto refused = cluster.run(deploy_web());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::corrupt);
}

TEST(Engine, ALeaseThatNamesAnUnreadableOperationDoesNotBlock) {
  Cluster cluster;
  cluster.records.on_operation = [](const std::string&) { throw 1; };
  EXPECT_ANY_THROW((void)cluster.run(deploy_web()));
  cluster.records.on_operation = nullptr;
  cluster.restart();
  for (auto& [key, record] : cluster.records.all) {
    if (key.first == Bucket::operations) record.value = "garbage";
  }
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::committed);
}

TEST(Engine, TheSecondOfTwoDeploysAtOnceIsToldWhoHoldsTheNamespace) {
  Cluster cluster(2);
  Cluster* world = &cluster;
  EngineConfig config = cluster.config;
  config.self = MachineId("machine-2");
  Engine other(config, cluster.ports());
  std::optional<Result<Operation>> second;
  std::optional<Result<Operation>> third;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (!line.starts_with("apply await_ready") || second) return std::nullopt;
    second.emplace(fail(Code::internal, "running"));
    second = other.run(deploy_web("shop/web:2"), {}, {});
    third = world->engine->run(deploy_web("shop/web:2"), {}, {});
    return std::nullopt;
  };
  const auto first = cluster.run(deploy_web());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->outcome, Outcome::committed);
  for (const auto* loser : {&*second, &*third}) {
    ASSERT_FALSE(*loser);
    EXPECT_EQ(loser->error().code, Code::conflict);
    EXPECT_THAT(loser->error().message, HasSubstr("deploy " + first->id.str()));
  }
  EXPECT_EQ(cluster.commits.all.size(), 1u);
}

TEST(Engine, AnAddressThatWasTakenMeanwhileIsPlannedAgain) {
  Cluster cluster;
  int probes = 0;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (!line.starts_with("probe") || ++probes > 2) return std::nullopt;
    return Error{Code::conflict, Effect::none, "address is reserved", "", {}};
  };
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(probes, 3);
}

TEST(Engine, AProbeThatNeverAgreesRefuses) {
  Cluster cluster;
  cluster.machines.fault = ployz::testing::failing("probe");
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::refused);
  EXPECT_EQ(exit_code(operation->outcome), 3);
  EXPECT_EQ(cluster.take_log(), "");
  EXPECT_TRUE(cluster.records.list(Bucket::leases)->empty());
}

TEST(Engine, AMachineThatIsSilentIsUnconfirmed) {
  Cluster cluster(2);
  cluster.machines.silent.insert(MachineId("machine-2"));
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(operation->unconfirmed, std::vector<std::string>{"m2"});
}

TEST(Engine, AnUnconfirmedFlipKeepsTheOldUntilItIsConfirmed) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  cluster.machines.fault = ployz::testing::failing("flip", Code::unavailable);
  auto operation = cluster.run(deploy_web("shop/web:2"));
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed_cleanup_pending);
  EXPECT_EQ(exit_code(operation->outcome), 4);
  EXPECT_EQ(operation->unconfirmed, std::vector<std::string>{"m1"});
  EXPECT_EQ(cluster.machines.running(), "web web");

  cluster.machines.fault = nullptr;
  operation = cluster.run(deploy_web("shop/web:2"));
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::unchanged);
  EXPECT_EQ(cluster.machines.running(), "web");
  EXPECT_EQ(cluster.only_operation().outcome, Outcome::committed);
  EXPECT_TRUE(cluster.only_operation().unconfirmed.empty());
}

TEST(Engine, AFailedCleanupIsFinishedByResume) {
  for (const char* step : {"apply drain_routes", "apply remove_instance"}) {
    Cluster cluster;
    ASSERT_TRUE(cluster.run(deploy_web()));
    cluster.machines.fault = ployz::testing::failing(step);
    const auto pending = cluster.run(deploy_web("shop/web:2"));
    ASSERT_TRUE(pending);
    EXPECT_EQ(pending->outcome, Outcome::committed_cleanup_pending);
    // Another command cannot overtake it.
    EXPECT_FALSE(cluster.run(deploy_web("shop/web:1")));
    EXPECT_EQ(cluster.abort(pending->id).error().code, Code::precondition);
    cluster.machines.fault = nullptr;
    const auto finished = cluster.resume(pending->id);
    ASSERT_TRUE(finished);
    EXPECT_EQ(finished->outcome, Outcome::committed);
    EXPECT_EQ(cluster.machines.containers(), 1u);
    EXPECT_EQ(cluster.resume(pending->id)->outcome, Outcome::committed) << "ended: as it is";
  }
}

TEST(Engine, KeepsOnlyTheNewestEndedOperations) {
  Cluster cluster;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(cluster.run(deploy_web(i % 2 == 0 ? "shop/web:1" : "shop/web:2")));
    cluster.clock.now_ms += 1000;
  }
  const auto before = *cluster.engine->operations(10);
  prune_operations(cluster.records, 3);
  const auto after = *cluster.engine->operations(10);
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[0].id, before[0].id);
  EXPECT_EQ(after[2].id, before[2].id);
}

}  // namespace
}  // namespace ployz

// What a lost machine takes with it, and what becomes of the rest.
#include "plan/loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/testing/world.h"

namespace ployz {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kImage1;
using testing::test_machine;
using testing::test_request;
using testing::test_service;
using testing::World;

struct Cluster : World {
  Cluster() : World(3) {
    pools();
    for (const char* image : {"shop/web:1", "shop/db:1", "shop/app:1"}) {
      this->image(image, kImage1).image(std::string(kImage1), kImage1);
    }
  }
  void deploy(const DeployRequest& request) {
    const auto made = plan(request);
    ASSERT_TRUE(made) << made.error().line();
    execute(*made);
  }
  Loss lose(int number) {
    silence(number);
    return plan_loss(test_machine(number).id, snapshot, {OperationId("rm"), seed++});
  }
};

DeployRequest with_database(std::string machine) {
  Service db = test_service("db");
  db.rollout = Rollout::recreate;
  db.placement.machines = {std::move(machine)};
  db.container.mounts = {{VolumeName("data"), "/data", false}};
  DeployRequest request = test_request({db, test_service("web", 3)});
  VolumeSpec data;
  data.name = VolumeName("data");
  request.manifest.volumes = {data};
  return request;
}

std::vector<std::string> fates(const Loss& loss) {
  std::vector<std::string> texts;
  for (const LostService& lost : loss.services) {
    texts.push_back(
        std::format("{} {} {}", lost.service.str(), lost.instances, to_string(lost.fate)));
  }
  return texts;
}

TEST(Loss, ServicesRestartAndDataThatIsOnlyThereIsLost) {
  Cluster cluster;
  cluster.deploy(with_database("m2"));
  const Loss loss = cluster.lose(2);
  EXPECT_THAT(fates(loss), ElementsAre("db 1 ends", "web 1 restarts"));
  EXPECT_THAT(loss.services[0].why, HasSubstr("volume data"));
  ASSERT_EQ(loss.volumes.size(), 1u);
  EXPECT_TRUE(loss.volumes[0].copies.empty());
  ASSERT_EQ(loss.moves.size(), 1u);
  const Plan& plan = loss.moves[0].plan;
  EXPECT_TRUE(validate(plan));
  EXPECT_EQ(plan.commit->services.size(), 1u);
  EXPECT_EQ(plan.commit->services[0].instances.size(), 3u);
  EXPECT_TRUE(plan.commit->volumes.empty());
  for (const auto* steps : {&plan.apply, &plan.cleanup}) {
    for (const Step& step : *steps) EXPECT_NE(step.machine, test_machine(2).id);
  }
}

TEST(Loss, NothingThereIsNothingLost) {
  Cluster cluster;
  cluster.deploy(with_database("m2"));
  DeployRequest pinned = test_request({test_service("app")}, "other");
  pinned.manifest.services[0].placement.machines = {"m1"};
  cluster.deploy(pinned);
  cluster.snapshot.newest.erase(NamespaceName("shop"));
  const Loss loss = cluster.lose(3);
  EXPECT_TRUE(loss.services.empty());
  EXPECT_TRUE(loss.volumes.empty());
  EXPECT_TRUE(loss.moves.empty());
}

TEST(Loss, WhatFitsNowhereIsReducedOrEnds) {
  Cluster cluster;
  Service pinned = test_service("app");
  pinned.placement.machines = {"m2"};
  Service host = test_service("web", 3);
  host.container.network = NetworkMode::host;
  cluster.deploy(test_request({pinned, host}));
  const Loss loss = cluster.lose(2);
  EXPECT_THAT(fates(loss), ElementsAre("app 1 ends", "web 1 reduced"));
  EXPECT_FALSE(loss.services[0].why.empty());
  ASSERT_EQ(loss.moves.size(), 1u);
  const Commit& commit = *loss.moves[0].plan.commit;
  ASSERT_EQ(commit.services.size(), 1u);
  EXPECT_EQ(commit.services[0].instances.size(), 2u);
  EXPECT_EQ(commit.services[0].service.placement.replicas, 3u);
}

TEST(Loss, OlderCopiesElsewhereAreListedNewestFirst) {
  Cluster cluster;
  cluster.deploy(with_database("m2"));
  for (const int number : {1, 3}) {
    Dataset copy;
    copy.spec.id = DatasetId(std::format("copy-{}", number));
    copy.spec.name_space = NamespaceName("shop");
    copy.spec.volume = VolumeName("data");
    copy.snapshots = {{SnapshotName("old"), "a", 1},
                      {SnapshotName("new"), "b", static_cast<uint64_t>(number * 10)}};
    cluster.facts(number).datasets = {copy};
  }
  const Loss loss = cluster.lose(2);
  ASSERT_EQ(loss.volumes.size(), 1u);
  ASSERT_EQ(loss.volumes[0].copies.size(), 2u);
  EXPECT_EQ(loss.volumes[0].copies[0].machine_name, "m3");
  EXPECT_EQ(loss.volumes[0].copies[0].snapshot.str(), "new");
  EXPECT_EQ(loss.volumes[0].copies[1].machine_name, "m1");
}

TEST(Loss, TheSameWhenTheMachineLeftAlready) {
  Cluster cluster;
  cluster.deploy(with_database("m2"));
  cluster.silence(2);
  std::erase(cluster.snapshot.machines, test_machine(2));
  cluster.snapshot.silent.clear();
  const Loss loss = plan_loss(test_machine(2).id, cluster.snapshot, {OperationId("rm"), 1});
  EXPECT_THAT(fates(loss), ElementsAre("db 1 ends", "web 1 restarts"));
  // The manifest that ran before can be deployed again.
  cluster.execute(loss.moves.at(0).plan);
  DeployRequest again = with_database("m1");
  const auto plan = cluster.plan(again);
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->commit->volumes[0].machine, test_machine(1).id);
}

TEST(Loss, ARemovedNamespaceLosesTheNameToo) {
  Cluster cluster;
  cluster.deploy(with_database("m2"));
  const auto removal = plan_namespace_rm({NamespaceName("shop"), false}, cluster.snapshot,
                                         {OperationId("nsrm"), cluster.seed++});
  ASSERT_TRUE(removal) << removal.error().line();
  cluster.execute(*removal);
  const Loss loss = cluster.lose(2);
  EXPECT_TRUE(loss.services.empty());
  ASSERT_EQ(loss.volumes.size(), 1u);
  EXPECT_TRUE(loss.volumes[0].removed);
  ASSERT_EQ(loss.moves.size(), 1u);
  EXPECT_TRUE(loss.moves[0].plan.commit->removed);
  EXPECT_TRUE(loss.moves[0].plan.commit->volumes.empty());
  // The name is free for new data.
  std::erase(cluster.snapshot.machines, test_machine(2));
  cluster.execute(loss.moves[0].plan);
  EXPECT_TRUE(cluster.plan(with_database("m1")));
}

TEST(Loss, AMachineOfTheNetworkIsNotAbandoned) {
  Cluster cluster;
  cluster.deploy(with_database("m2"));
  const auto plan = plan_abandon({NamespaceName("shop"), test_machine(2).id, {}, {}},
                                 cluster.snapshot, {OperationId("rm"), 1});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::precondition);
}

TEST(OnlyThere, ACopyOfTheLastStateElsewhereIsEnough) {
  Cluster cluster;
  const auto dataset = [](std::string id, std::vector<std::string> guids) {
    Dataset made;
    made.spec.id = DatasetId(std::move(id));
    for (std::string& guid : guids) {
      made.snapshots.push_back({SnapshotName(guid), guid, 0});
    }
    return made;
  };
  cluster.facts(1).datasets = {dataset("a", {"1", "2"}), dataset("b", {"1", "3"}), dataset("c", {}),
                               dataset("d", {})};
  cluster.facts(2).datasets = {dataset("x", {"2"}), dataset("y", {"1"})};
  std::vector<DatasetLeft> left;
  for (const Dataset& one : cluster.facts(1).datasets) {
    left.push_back(
        {one.spec.id, NamespaceName("shop"), VolumeName("data"), 0, one.spec.id.str() == "d"});
  }
  const auto only = only_there(test_machine(1).id, left, cluster.snapshot);
  ASSERT_EQ(only.size(), 2u);
  EXPECT_EQ(only[0].dataset.str(), "b");
  EXPECT_EQ(only[1].dataset.str(), "c");
}

}  // namespace
}  // namespace ployz

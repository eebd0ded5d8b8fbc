// Volumes whose machine is gone, and snapshots of several at one moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/testing/world.h"

namespace ployz {
namespace {

using ::testing::HasSubstr;
using testing::kImage1;
using testing::shape;
using testing::test_request;
using testing::test_service;
using testing::World;

DeployRequest deploy_db(std::vector<std::string> volumes, std::string version = "1") {
  Service db = test_service("db");
  db.rollout = Rollout::recreate;
  db.container.env["VERSION"] = std::move(version);
  DeployRequest request = test_request({});
  for (const std::string& name : volumes) {
    VolumeSpec spec;
    spec.name = VolumeName(name);
    request.manifest.volumes.push_back(spec);
    db.container.mounts.push_back({spec.name, "/" + name, false});
  }
  request.manifest.services.push_back(std::move(db));
  return request;
}

struct Cluster : World {
  explicit Cluster(const std::vector<std::string>& volumes) : World(2) {
    pools().image("shop/db:1", kImage1).image(std::string(kImage1), kImage1);
    const auto made = plan(deploy_db(volumes));
    EXPECT_TRUE(made) << made.error().line();
    execute(*made);
  }

  // The machine with the data is forced out of the network.
  void lose_home() {
    const MachineId home = newest().volumes.at(0).machine;
    std::erase_if(snapshot.machines, [&](const Machine& machine) { return machine.id == home; });
    snapshot.facts.erase(home);
  }
};

TEST(PlanLostVolume, IsRefusedToWhoMountsIt) {
  Cluster world({"data"});
  world.lose_home();
  const auto plan = world.plan(deploy_db({"data"}, "2"));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::precondition);
  EXPECT_THAT(plan.error().message, HasSubstr("that left the network"));
}

// Or nothing could ever be deployed to the namespace again.
TEST(PlanLostVolume, IsNoObstacleToWhoDoesNot) {
  Cluster world({"data"});
  world.lose_home();
  const auto without = world.plan(deploy_db({}));
  ASSERT_TRUE(without) << without.error().line();
  EXPECT_THAT(shape(without->apply), ::testing::Not(HasSubstr("snapshot_datasets")));
  world.execute(*without);
  const auto removed = plan_volume_rm({NamespaceName("shop"), VolumeName("data")}, world.snapshot,
                                      {OperationId("op"), 7});
  ASSERT_TRUE(removed) << removed.error().line();
  world.execute(*removed);
  const auto again = world.plan(deploy_db({"data"}));
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_THAT(shape(again->apply), HasSubstr("ensure_dataset"));
}

TEST(PlanLostVolume, GoesWithItsNamespace) {
  Cluster world({"data"});
  world.lose_home();
  const auto plan = plan_namespace_rm({NamespaceName("shop"), true}, world.snapshot,
                                      {OperationId("op"), 7});
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_TRUE(plan->commit->volumes.empty());
}

// Another operation had stopped it and starts it again before this plan is executed.
TEST(PlanVolumes, AWriterThatDoesNotRunNowIsStoppedAllTheSame) {
  Cluster world({"data"});
  const InstanceId old = world.newest().services.at(0).instances.at(0).id;
  world.find(old)->state = InstanceState::exited;
  const auto plan = world.plan(deploy_db({"data"}, "2"));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_THAT(shape(plan->apply), HasSubstr("undo start_instance"));
}

TEST(PlanVolumeSnapshot, OfSeveralVolumesPausesWhoWritesThem) {
  Cluster world({"data", "log"});
  const auto plan = plan_volume_snapshot({NamespaceName("shop"), {}}, world.snapshot,
                                         {OperationId("op"), 7});
  ASSERT_TRUE(plan) << plan.error().line();
  const auto step = std::ranges::find_if(plan->apply, [](const Step& each) {
    return std::holds_alternative<SnapshotDatasets>(each.action);
  });
  ASSERT_NE(step, plan->apply.end());
  const auto& taken = std::get<SnapshotDatasets>(step->action);
  EXPECT_EQ(taken.datasets.size(), 2u);
  EXPECT_EQ(taken.pause, std::vector{world.newest().services.at(0).instances.at(0).id});
  const auto crash =
      plan_volume_snapshot({NamespaceName("shop"), Consistency::crash}, world.snapshot,
                           {OperationId("op"), 7});
  ASSERT_TRUE(crash) << crash.error().line();
  EXPECT_THAT(shape(crash->apply), ::testing::Not(HasSubstr("pause_instances")));
}

}  // namespace
}  // namespace ployz

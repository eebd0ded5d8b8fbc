// Planners that move data: what they ask of the machines, and in which order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/testing/world.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

using ::testing::HasSubstr;
using testing::kImage1;
using testing::kImage2;
using testing::shape;
using testing::test_request;
using testing::test_service;
using testing::World;

PlanIdentity identity(World& world, std::string_view operation = "op") {
  return {OperationId(std::string(operation)), world.seed++};
}

VolumeSpec volume(std::string_view name, uint64_t quota_bytes = 1 << 30) {
  VolumeSpec spec;
  spec.name = VolumeName(std::string(name));
  spec.quota_bytes = quota_bytes;
  return spec;
}

Service database(std::string_view volume_name = "data") {
  Service service = test_service("db");
  service.rollout = Rollout::recreate;
  service.container.mounts = {{VolumeName(std::string(volume_name)), "/data", false}};
  return service;
}

DeployRequest shop(std::string_view image = "shop/db:1") {
  DeployRequest request = test_request({database()});
  request.manifest.services[0].container.image = std::string(image);
  request.manifest.volumes = {volume("data")};
  return request;
}

// A cluster where namespace shop has been deployed with a database.
struct Shop : World {
  explicit Shop(int machines = 2) : World(machines) {
    pools();
    for (const char* image : {"shop/db:1", "shop/db:2"}) {
      const auto id = std::string_view(image).ends_with('1') ? kImage1 : kImage2;
      this->image(image, id).image(std::string(id), id);
    }
    do_it(plan(shop()));
  }

  Plan do_it(Result<Plan> made) {
    EXPECT_TRUE(made) << made.error().line();
    if (!made) return {};
    execute(*made);
    return std::move(*made);
  }
  const CommittedVolume& data(std::string_view name_space = "shop") const {
    return *newest(name_space).volume(VolumeName("data"));
  }
  Result<Plan> rollback(std::string to = {}, RollbackData state = RollbackData::last) {
    return plan_rollback({NamespaceName("shop"), std::move(to), state}, snapshot, identity(*this));
  }
  Result<Plan> branch(BranchMode volumes = BranchMode::branch) {
    BranchRequest request{NamespaceName("shop"), NamespaceName("pr"), {}, volumes, {}, {}, {}};
    return plan_branch(request, snapshot, identity(*this, "branching"));
  }
  Result<Plan> migrate(std::string to) {
    return plan_migrate({NamespaceName("shop"), ServiceName("db"), std::move(to)}, snapshot,
                        identity(*this));
  }
};

template <class A>
std::vector<const A*> actions(const std::vector<Step>& steps) {
  std::vector<const A*> found;
  for (const Step& step : steps) {
    if (const auto* action = std::get_if<A>(&step.action)) found.push_back(action);
  }
  return found;
}

TEST(PlanVolumes, ANewVolumeIsMadeBeforeItsService) {
  World world(2);
  world.pools().image("shop/db:1", kImage1);
  const auto plan = world.plan(shop());
  ASSERT_TRUE(plan) << plan.error().line();
  const std::string machine = plan->commit->volumes.at(0).machine.str();
  EXPECT_EQ(shape(plan->apply),
            "a001 ensure_dataset " + machine + " undo destroy_dataset\n" +
            "a002 ensure_image " + machine + "\n" +
            "a003 run_instance " + machine + " after a001 a002 undo remove_instance\n" +
            "a004 await_ready " + machine + " after a003\n" +
            "a005 snapshot_datasets " + machine + " after a001 a004 undo destroy_snapshots\n" +
            "a006 prepare_routes machine-1 after a004 undo discard_routes\n" +
            "a007 prepare_routes machine-2 after a004 undo discard_routes\n");
  EXPECT_EQ(plan->commit->services.at(0).instances.at(0).machine.str(), machine);
  const auto runs = actions<RunInstance>(plan->apply);
  EXPECT_EQ(runs.at(0)->datasets.at(VolumeName("data")), plan->commit->volumes.at(0).dataset);
}

TEST(PlanVolumes, AReplacedWriterGoesOnInACloneOfWhatWasLeft) {
  Shop world;
  const DatasetId before = world.data().dataset;
  const auto plan = world.plan(shop("shop/db:2"));
  ASSERT_TRUE(plan) << plan.error().line();
  const auto& after = plan->commit->volumes.at(0);
  EXPECT_NE(after.dataset, before);
  EXPECT_EQ(after.machine, world.data().machine);
  const std::string m = after.machine.str();
  EXPECT_THAT(shape(plan->apply),
              HasSubstr("stop_instance " + m + " after a001 a002 a003 undo start_instance\n"
                        "a005 snapshot_datasets " + m + " after a004 undo destroy_snapshots\n"
                        "a006 clone_dataset " + m + " after a005 undo destroy_dataset\n"
                        "a007 run_instance " + m + " after a003 a004 a005 a006 undo remove_instance\n"));
  EXPECT_EQ(actions<CloneDataset>(plan->apply).at(0)->source,
            (DatasetOrigin{before, SnapshotName(plan->commit->id.str())}));
  EXPECT_EQ(actions<RunInstance>(plan->apply).at(0)->datasets.at(VolumeName("data")),
            after.dataset);
  EXPECT_TRUE(actions<DestroyDataset>(plan->cleanup).empty());
}

TEST(PlanVolumes, AServiceStaysWhereItsDataIs) {
  Shop world(3);
  const MachineId home = world.data().machine;
  DeployRequest request = shop("shop/db:2");
  const auto other = std::ranges::find_if(world.snapshot.machines,
                                          [&](const Machine& m) { return m.id != home; });
  request.manifest.services[0].placement.machines = {other->name};
  const auto plan = world.plan(request);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::precondition);
  EXPECT_THAT(plan.error().line(), HasSubstr("where its volumes are"));
  EXPECT_THAT(plan.error().line(), HasSubstr("ployzctl migrate"));
}

TEST(PlanVolumes, QuotasAreNotPromisedTwice) {
  World world(1);
  world.pools(10ull << 30).image("shop/db:1", kImage1);
  DeployRequest request = shop();
  request.manifest.volumes[0].quota_bytes = 11ull << 30;
  const auto plan = world.plan(request);
  ASSERT_FALSE(plan);
  EXPECT_THAT(plan.error().line(), HasSubstr("would promise 11G to volumes, and its pool has 10G"));
  world.facts(1).pool->overcommit_permille = 1200;
  EXPECT_TRUE(world.plan(request));
}

TEST(PlanVolumes, AServiceThatIsRemovedLeavesItsVolume) {
  Shop world;
  const DatasetId dataset = world.data().dataset;
  world.do_it(world.plan(test_request({})));
  EXPECT_EQ(world.data().dataset, dataset);
  EXPECT_TRUE(world.newest().services.empty());
  // And gets it back when it comes again.
  DeployRequest again = shop("shop/db:2");
  const Plan plan = world.do_it(world.plan(again));
  EXPECT_EQ(actions<CloneDataset>(plan.apply).at(0)->source.dataset, dataset);
}

TEST(PlanBranch, ForksDataWithoutTouchingTheSource) {
  Shop world;
  const auto plan = world.branch();
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->name_space.str(), "pr");
  EXPECT_EQ(plan->commit->kind, CommitKind::branch);
  EXPECT_EQ(plan->commit->from->commit, world.newest().id);
  EXPECT_TRUE(actions<StopInstance>(plan->apply).empty());
  EXPECT_TRUE(actions<SnapshotDatasets>(plan->apply).at(0)->pause.empty());
  const auto* clone = actions<CloneDataset>(plan->apply).at(0);
  EXPECT_EQ(clone->source.dataset, world.data().dataset);
  EXPECT_EQ(clone->spec.name_space.str(), "pr");
  EXPECT_EQ(plan->commit->volumes.at(0).machine, world.data().machine);
  world.execute(*plan);
  const auto again = world.branch();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->unchanged());
}

TEST(PlanBranch, StartsEmptyUnlessAskedOtherwise) {
  Shop world;
  const auto plan = world.branch(BranchMode::fresh);
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(actions<EnsureDataset>(plan->apply).size(), 1u);
  EXPECT_TRUE(actions<CloneDataset>(plan->apply).empty());
}

TEST(PlanBranch, FreshIsEmptyAlsoWhereARemovedNamespaceLeftData) {
  Shop world;
  world.do_it(world.branch());
  const DatasetId left = world.data("pr").dataset;
  world.do_it(plan_namespace_rm({NamespaceName("pr"), false}, world.snapshot, identity(world)));
  const auto plan = world.branch(BranchMode::fresh);
  ASSERT_TRUE(plan) << plan.error().line();
  ASSERT_EQ(actions<EnsureDataset>(plan->apply).size(), 1u);
  EXPECT_NE(actions<EnsureDataset>(plan->apply).at(0)->spec.id, left);
  EXPECT_TRUE(actions<CloneDataset>(plan->apply).empty());
  // What was left is not lost.
  EXPECT_TRUE(actions<DestroyDataset>(plan->cleanup).empty());
}

TEST(PlanBranch, SeveralVolumesAreOfOneInstant) {
  Shop world;
  DeployRequest two = shop();
  two.manifest.volumes.push_back(volume("logs"));
  two.manifest.services[0].container.mounts.push_back({VolumeName("logs"), "/logs", false});
  world.do_it(world.plan(two));
  auto plan = world.branch();
  ASSERT_TRUE(plan) << plan.error().line();
  const auto* taken = actions<SnapshotDatasets>(plan->apply).at(0);
  EXPECT_EQ(taken->datasets.size(), 2u);
  EXPECT_EQ(taken->pause.size(), 1u);
  // A pool that snapshots all of them at once needs nobody to stand still.
  for (auto& [machine, facts] : world.snapshot.facts) facts.pool->atomic_multi_snapshot = true;
  plan = world.branch();
  EXPECT_TRUE(actions<SnapshotDatasets>(plan->apply).at(0)->pause.empty());
}

TEST(PlanBranch, OnSeveralMachinesAllStandStillBeforeTheFirstSnapshot) {
  Shop world;
  const MachineId home = world.data().machine;
  DeployRequest two = shop();
  Service cache = database("cache");
  cache.name = ServiceName("cache");
  const auto other = std::ranges::find_if(world.snapshot.machines,
                                          [&](const Machine& m) { return m.id != home; });
  cache.placement.machines = {other->name};
  two.manifest.services.push_back(cache);
  two.manifest.volumes.push_back(volume("cache"));
  world.do_it(world.plan(two));
  const auto plan = world.branch();
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_THAT(shape(plan->apply),
              HasSubstr("a001 pause_instances machine-1 undo resume_instances\n"
                        "a002 pause_instances machine-2 undo resume_instances\n"
                        "a003 snapshot_datasets machine-1 after a001 a002 undo destroy_snapshots\n"
                        "a004 snapshot_datasets machine-2 after a001 a002 undo destroy_snapshots\n"
                        "a005 resume_instances machine-1 after a003 a004\n"
                        "a006 resume_instances machine-2 after a003 a004\n"
                        "a007 clone_dataset"));
}

TEST(PlanMigrate, SendsWhileItRunsThenTheRest) {
  Shop world;
  const MachineId home = world.data().machine;
  const std::string there = home.str() == "machine-1" ? "m2" : "m1";
  const auto plan = world.migrate(there);
  ASSERT_TRUE(plan) << plan.error().line();
  const auto receives = actions<ReceiveDataset>(plan->apply);
  ASSERT_EQ(receives.size(), 6u);
  EXPECT_TRUE(receives[0]->live);
  EXPECT_FALSE(receives[5]->live);
  EXPECT_EQ(receives[5]->source.snapshot.str(), plan->commit->id.str());
  EXPECT_EQ(actions<StopInstance>(plan->apply).size(), 1u);
  EXPECT_NE(plan->commit->volumes.at(0).machine, home);
  EXPECT_EQ(plan->commit->volumes.at(0).machine,
            plan->commit->services.at(0).instances.at(0).machine);
  // The source is not destroyed; only what the rounds made goes.
  EXPECT_TRUE(actions<DestroyDataset>(plan->cleanup).empty());
  EXPECT_EQ(actions<DestroySnapshots>(plan->cleanup).size(), 10u);
  world.execute(*plan);
  const auto again = world.migrate(there);
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_TRUE(again->unchanged());
}

TEST(PlanRollback, RestoresWhatWasLeftAndCanBeTakenBack) {
  Shop world;
  const DatasetId first = world.data().dataset;
  const CommitId first_commit = world.newest().id;
  world.do_it(world.plan(shop("shop/db:2")));
  const DatasetId second = world.data().dataset;
  const CommitId second_commit = world.newest().id;

  const Plan back = world.do_it(world.rollback());
  EXPECT_EQ(back.commit->from->commit, first_commit);
  EXPECT_EQ(actions<CloneDataset>(back.apply).at(0)->source,
            (DatasetOrigin{first, SnapshotName(second_commit.str())}));
  EXPECT_EQ(back.commit->services.at(0).service.container.image_id, kImage1);
  // What is replaced is kept, under the rollback's id.
  EXPECT_NE(find_dataset(world.snapshot, world.data().machine, second)
                ->snapshot(SnapshotName(back.commit->id.str())),
            nullptr);

  const Plan forth = world.do_it(world.rollback());
  EXPECT_EQ(actions<CloneDataset>(forth.apply).at(0)->source,
            (DatasetOrigin{second, SnapshotName(back.commit->id.str())}));
  EXPECT_EQ(forth.commit->services.at(0).service.container.image_id, kImage2);
}

TEST(PlanRollback, ToTheMomentOfACommit) {
  Shop world;
  const DatasetId first = world.data().dataset;
  const CommitId first_commit = world.newest().id;
  world.do_it(world.plan(shop("shop/db:2")));
  const auto plan = world.rollback(first_commit.str(), RollbackData::commit);
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(actions<CloneDataset>(plan->apply).at(0)->source,
            (DatasetOrigin{first, SnapshotName(first_commit.str())}));
  const auto keep = world.rollback(first_commit.str(), RollbackData::keep);
  ASSERT_TRUE(keep) << keep.error().line();
  EXPECT_EQ(actions<CloneDataset>(keep->apply).at(0)->source.dataset, world.data().dataset);
  // Data has gone on since the newest commit, too.
  const CommitId newest = world.newest().id;
  const auto data = world.rollback(newest.str(), RollbackData::commit);
  ASSERT_TRUE(data) << data.error().line();
  EXPECT_EQ(actions<CloneDataset>(data->apply).at(0)->source,
            (DatasetOrigin{world.data().dataset, SnapshotName(newest.str())}));
  EXPECT_TRUE(world.rollback(newest.str(), RollbackData::last)->unchanged());
}

TEST(PlanRollback, IsRefusedWhenTheDataWasPruned) {
  Shop world;
  world.do_it(world.plan(shop("shop/db:2")));
  world.do_it(plan_volume_prune({NamespaceName("shop"), 0}, world.snapshot, identity(world)));
  const auto plan = world.rollback();
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::precondition);
  EXPECT_THAT(plan.error().line(), HasSubstr("was pruned"));
  EXPECT_TRUE(world.rollback({}, RollbackData::keep));
}

TEST(PlanRollback, PastAMigrationFindsTheDataWhereItIs) {
  Shop world;
  const MachineId home = world.data().machine;
  world.do_it(world.migrate(home.str() == "machine-1" ? "m2" : "m1"));
  const auto plan = world.rollback();
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->commit->volumes.at(0).machine, home);
}

TEST(PlanDeploy, AnEarlierManifestNeedsADecisionAboutItsData) {
  Shop world;
  world.do_it(world.plan(shop("shop/db:2")));
  DeployRequest earlier = shop();
  const auto undecided = world.plan(earlier);
  ASSERT_FALSE(undecided);
  EXPECT_EQ(undecided.error().code, Code::precondition);
  EXPECT_THAT(undecided.error().line(), HasSubstr("--state last"));
  earlier.state = RollbackData::last;
  const auto plan = world.plan(earlier);
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->commit->kind, CommitKind::rollback);
}

TEST(PlanPromote, TakesSpecsAndWhenAskedData) {
  Shop world;
  world.do_it(world.branch());
  DeployRequest changed = shop("shop/db:2");
  changed.manifest.name_space = NamespaceName("pr");
  world.do_it(world.plan(changed));
  PromoteRequest request{NamespaceName("pr"), NamespaceName("shop"), {}, {}};
  auto plan = plan_promote(request, {}, world.snapshot, identity(world));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->commit->services.at(0).service.container.image_id, kImage2);
  EXPECT_EQ(actions<CloneDataset>(plan->apply).at(0)->source.dataset, world.data().dataset);
  request.volumes[VolumeName("data")] = PromoteData::take;
  plan = plan_promote(request, {}, world.snapshot, identity(world));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(actions<CloneDataset>(plan->apply).at(0)->source.dataset, world.data("pr").dataset);
  // The target's own data is set aside before: the promote can be rolled back.
  const auto taken = actions<SnapshotDatasets>(plan->apply);
  EXPECT_TRUE(std::ranges::any_of(taken, [&](const SnapshotDatasets* each) {
    return std::ranges::contains(each->datasets, world.data().dataset);
  }));
}

TEST(PlanVolumeCommands, RemovalNeedsThatNobodyMountsIt) {
  Shop world;
  const VolumeRmRequest request{NamespaceName("shop"), VolumeName("data")};
  auto plan = plan_volume_rm(request, world.snapshot, identity(world));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::precondition);
  world.do_it(world.plan(test_request({})));
  plan = plan_volume_rm(request, world.snapshot, identity(world));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(actions<DestroyDataset>(plan->cleanup).size(), 1u);
  EXPECT_TRUE(plan->apply.empty());
  EXPECT_TRUE(plan->commit->volumes.empty());
}

TEST(PlanVolumeCommands, PruneSparesWhatIsServedAndWhatOthersMap) {
  Shop world;
  world.do_it(world.branch());
  world.do_it(world.plan(shop("shop/db:2")));
  const Plan plan =
      world.do_it(plan_volume_prune({NamespaceName("shop"), 0}, world.snapshot, identity(world)));
  for (const auto* gone : actions<DestroyDataset>(plan.cleanup)) {
    EXPECT_NE(gone->dataset, world.data().dataset);
    EXPECT_NE(gone->dataset, world.data("pr").dataset);
  }
  EXPECT_EQ(actions<DestroyDataset>(plan.cleanup).size(), 1u);
  const auto again =
      plan_volume_prune({NamespaceName("shop"), 0}, world.snapshot, identity(world));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->unchanged());
}

TEST(PlanNamespaceRm, KeepsVolumesUnlessAskedOtherwise) {
  Shop world;
  const Plan kept =
      world.do_it(plan_namespace_rm({NamespaceName("shop"), false}, world.snapshot, identity(world)));
  EXPECT_TRUE(actions<DestroyDataset>(kept.cleanup).empty());
  EXPECT_EQ(world.newest().volumes.size(), 1u);
  // The same manifest brings it back: nothing that could be meant but the data it was left with.
  const DatasetId left = world.data().dataset;
  const Plan back = world.do_it(world.plan(shop()));
  EXPECT_EQ(actions<CloneDataset>(back.apply).at(0)->source.dataset, left);
  const Plan gone =
      world.do_it(plan_namespace_rm({NamespaceName("shop"), true}, world.snapshot, identity(world)));
  EXPECT_EQ(actions<DestroyDataset>(gone.cleanup).size(), 2u);
  EXPECT_TRUE(world.newest().volumes.empty());
}

}  // namespace
}  // namespace ployz

// What a drain would do, and what it refuses.
#include "plan/drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "plan/aftermath.h"
#include "plan/testing/world.h"

namespace ployz {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kImage1;
using testing::shape;
using testing::test_machine;
using testing::test_request;
using testing::test_service;
using testing::World;

constexpr uint64_t kGiB = 1ull << 30;

struct Cluster : World {
  explicit Cluster(int machines = 3) : World(machines) {
    pools();
    for (const char* image : {"shop/web:1", "shop/db:1", "shop/app:1"}) {
      this->image(image, kImage1).image(std::string(kImage1), kImage1);
    }
  }

  // Deploys them on m1, then takes the pins away: they stay.
  void on_first(DeployRequest request) {
    for (Service& service : request.manifest.services) service.placement.machines = {"m1"};
    do_it(plan(request));
    for (Service& service : request.manifest.services) service.placement.machines.clear();
    do_it(plan(request));
  }
  void do_it(Result<Plan> made) {
    ASSERT_TRUE(made) << made.error().line();
    execute(*made);
    for (auto& [machine, facts] : snapshot.facts) {
      for (Dataset& dataset : facts.datasets) dataset.used_bytes = 1000;
    }
  }
  DrainPlan drain(int number = 1) {
    auto plan = plan_drain(test_machine(number).id, snapshot, {OperationId("drain"), seed++});
    EXPECT_TRUE(plan) << plan.error().line();
    return plan ? *std::move(plan) : DrainPlan{};
  }
};

DeployRequest with_database(std::string_view name_space = "shop") {
  Service db = test_service("db");
  db.rollout = Rollout::recreate;
  db.container.mounts = {{VolumeName("data"), "/data", false}};
  DeployRequest request = test_request({db, test_service("web", 2)}, name_space);
  VolumeSpec data;
  data.name = VolumeName("data");
  data.quota_bytes = kGiB;
  request.manifest.volumes = {data};
  return request;
}

std::vector<std::string> misfits(const DrainPlan& plan) {
  std::vector<std::string> texts;
  for (const DrainMisfit& misfit : plan.misfits) texts.push_back(misfit.what + ": " + misfit.why);
  return texts;
}

size_t count(const Commit& commit, const MachineId& machine) {
  size_t found = 0;
  for (const CommittedService& service : commit.services) {
    found += static_cast<size_t>(
        std::ranges::count(service.instances, machine, &CommittedInstance::machine));
  }
  return found;
}

TEST(PlanDrain, DataIsMigratedFirstThenTheRestLeavesAtOnce) {
  Cluster world;
  world.on_first(with_database());
  const DrainPlan plan = world.drain();
  EXPECT_THAT(misfits(plan), ElementsAre());
  ASSERT_EQ(plan.moves.size(), 2u);
  const DrainMove& data = plan.moves[0];
  EXPECT_TRUE(std::holds_alternative<MigrateRequest>(data.request));
  EXPECT_THAT(data.services, ElementsAre(ServiceName("db")));
  EXPECT_THAT(data.volumes, ElementsAre(VolumeName("data")));
  EXPECT_EQ(data.bytes, 1000u);
  EXPECT_NE(data.to, "m1");
  const DrainMove& rest = plan.moves[1];
  EXPECT_THAT(rest.services, ElementsAre(ServiceName("web")));
  EXPECT_EQ(rest.plan.kind, "drain");
  EXPECT_EQ(count(*rest.plan.commit, test_machine(1).id), 0u);
  // The dataset that is left behind is told, and nothing else.
  ASSERT_EQ(plan.stays.size(), 1u);
  EXPECT_TRUE(plan.stays[0].moves);
}

TEST(PlanDrain, ImagesThatOthersLackAreCopiedOnceBeforeTheyAreNeeded) {
  Cluster world;
  world.on_first(with_database());
  for (int number : {2, 3}) world.facts(number).images.clear();
  // A tag that means another image elsewhere is left alone; the image comes by its id.
  world.facts(1).images.erase("shop/db:1");
  const DrainPlan plan = world.drain();
  EXPECT_THAT(misfits(plan), ElementsAre());
  ASSERT_EQ(plan.moves.size(), 2u);
  std::set<MachineId> reached;
  for (const DrainMove& move : plan.moves) {
    for (const ImageCopy& copy : move.images) {
      EXPECT_EQ(copy.image_id, kImage1);
      EXPECT_TRUE(reached.insert(copy.to).second) << copy.to.str() << " twice";
      EXPECT_NE(copy.to, test_machine(1).id);
    }
  }
  ASSERT_EQ(plan.moves[0].images.size(), 1u);
  EXPECT_EQ(plan.moves[0].images[0].image, kImage1);  // its tag is gone
  EXPECT_EQ(plan.moves[0].images[0].to_name, plan.moves[0].to);
  EXPECT_EQ(reached.size(), 2u);
}

TEST(PlanDrain, AnImageThatIsNowhereIsAMisfit) {
  Cluster world;
  world.on_first(test_request({test_service("web")}));
  for (int number : {1, 2, 3}) world.facts(number).images.clear();
  EXPECT_THAT(misfits(world.drain()), ElementsAre(HasSubstr("shop/web: ")));
}

TEST(PlanDrain, TheDowntimeOfWhatHasDataIsTold) {
  Cluster world;
  DeployRequest request = with_database();
  request.manifest.services[0].container.stop_grace_period = std::chrono::seconds(7);
  request.manifest.services[0].container.readiness = Readiness{.kind = Readiness::Kind::tcp,
                                                               .port = "http",
                                                               .timeout = std::chrono::seconds(2),
                                                               .start_period = std::chrono::seconds(40)};
  world.on_first(request);
  const DrainPlan plan = world.drain();
  ASSERT_EQ(plan.moves.size(), 2u);
  EXPECT_EQ(plan.moves[0].stops_within, std::chrono::seconds(7));
  EXPECT_EQ(plan.moves[0].ready_within, std::chrono::seconds(42));
  EXPECT_EQ(plan.moves[1].stops_within + plan.moves[1].ready_within, std::chrono::seconds(0));
}

TEST(PlanDrain, StatelessServicesStartBeforeTheyStopAndKeepTheirRevision) {
  Cluster world;
  world.on_first(test_request({test_service("web", 2)}));
  const Commit before = world.newest();
  const DrainPlan drain = world.drain();
  ASSERT_EQ(drain.moves.size(), 1u);
  const Plan& plan = drain.moves[0].plan;
  EXPECT_EQ(plan.commit->services[0].revision, before.services[0].revision);
  EXPECT_EQ(plan.commit->services[0].service, before.services[0].service);
  EXPECT_THAT(shape(plan.apply), ::testing::Not(HasSubstr("stop_instance")));
  EXPECT_THAT(shape(plan.cleanup), HasSubstr("remove_instance machine-1"));
  // One of each other machine, so that the spread is kept.
  EXPECT_EQ(count(*plan.commit, test_machine(2).id), 1u);
  EXPECT_EQ(count(*plan.commit, test_machine(3).id), 1u);
}

TEST(PlanDrain, OnlyWhatStandsThereMoves) {
  Cluster world;
  world.do_it(world.plan(test_request({test_service("web", 3)})));
  const DrainPlan drain = world.drain(2);
  ASSERT_EQ(drain.moves.size(), 1u);
  EXPECT_EQ(shape(drain.moves[0].plan.cleanup).find("remove_instance machine-1"), std::string::npos);
  EXPECT_EQ(count(*drain.moves[0].plan.commit, test_machine(2).id), 0u);
}

TEST(PlanDrain, GlobalServicesOnlyStop) {
  Cluster world;
  Service web = test_service("web");
  web.placement.global = true;
  world.do_it(world.plan(test_request({web})));
  const DrainPlan drain = world.drain();
  ASSERT_EQ(drain.moves.size(), 1u) << ::testing::PrintToString(misfits(drain));
  EXPECT_THAT(shape(drain.moves[0].plan.apply), ::testing::Not(HasSubstr("run_instance")));
  EXPECT_EQ(drain.moves[0].plan.commit->services[0].instances.size(), 2u);
}

TEST(PlanDrain, VolumesThatNobodyMountsMoveToo) {
  Cluster world;
  DeployRequest request = with_database();
  world.on_first(request);
  world.do_it(plan_fork_volume({NamespaceName("shop"), VolumeName("data"), NamespaceName("shop"),
                                VolumeName("copy"), {}},
                               world.snapshot, {OperationId("fork"), world.seed++}));
  const DrainPlan drain = world.drain();
  ASSERT_EQ(drain.moves.size(), 2u) << ::testing::PrintToString(misfits(drain));
  EXPECT_THAT(drain.moves[1].volumes, ElementsAre(VolumeName("copy")));
  for (const CommittedVolume& volume : drain.moves[1].plan.commit->volumes) {
    EXPECT_NE(volume.machine, test_machine(1).id) << volume.spec.name.str();
  }
}

TEST(PlanDrain, EveryMisfitIsNamedWithItsReason) {
  Cluster world;
  DeployRequest pinned = test_request({test_service("web"), test_service("app")}, "a");
  pinned.manifest.services[0].placement.machines = {"m1"};
  pinned.manifest.services[1].placement.machines = {"m1", "m2"};
  world.do_it(world.plan(pinned));
  DeployRequest data = with_database("b");
  data.manifest.services[0].placement.machines = {"m1"};
  world.do_it(world.plan(data));
  const DrainPlan drain = world.drain();
  EXPECT_THAT(misfits(drain),
              ElementsAre("a/web: service web must run on a machine that cannot take it: m1 is "
                          "draining (see: ployzctl machine ls)",
                          HasSubstr("b/db: m2: service db is not pinned to it; m3: service db")));
  const Error error = misfit_error("m1", drain.misfits);
  EXPECT_EQ(error.code, Code::precondition);
  EXPECT_EQ(error.context.size(), 2u);
}

TEST(PlanDrain, APinToSeveralMachinesLeavesTheOthers) {
  Cluster world;
  Service web = test_service("web", 2);
  web.placement.machines = {"m1", "m2"};
  world.do_it(world.plan(test_request({web})));
  const DrainPlan drain = world.drain();
  ASSERT_EQ(drain.moves.size(), 1u) << ::testing::PrintToString(misfits(drain));
  EXPECT_EQ(count(*drain.moves[0].plan.commit, test_machine(2).id), 2u);
}

TEST(PlanDrain, MemoryPoolsAndOtherMachinesDecide) {
  Cluster world;
  DeployRequest request = with_database();
  for (Service& service : request.manifest.services) {
    service.container.resources.memory_bytes = kGiB / 2 + 1;
  }
  world.on_first(request);
  // Either takes one of these three; the third has no place.
  EXPECT_THAT(misfits(world.drain()), ElementsAre(HasSubstr("shop/web: no machine can take")));
  world.facts(2).memory_free_bytes = 2 * kGiB;
  EXPECT_THAT(misfits(world.drain()), ElementsAre());
  for (int i : {2, 3}) world.facts(i).pool->driver = "zfs";
  EXPECT_THAT(misfits(world.drain()), ElementsAre(HasSubstr("pools of one kind")));
  for (int i : {2, 3}) world.facts(i).pool.reset();
  EXPECT_THAT(misfits(world.drain()), ElementsAre(HasSubstr("shop/db: ")));
}

TEST(PlanDrain, TheOnlyMachineThatIsLeftKeepsEverything) {
  Cluster world;
  Service everywhere = test_service("app");
  everywhere.placement.global = true;
  DeployRequest request = with_database();
  request.manifest.services.push_back(everywhere);
  world.do_it(world.plan(request));
  world.on_first(with_database("other"));
  world.machine(2).state = MachineState::standby;
  world.silence(3);
  const auto texts = misfits(world.drain());
  EXPECT_THAT(texts, ::testing::Contains(HasSubstr("other/db: no other machine is active")));
  EXPECT_THAT(texts, ::testing::Contains(HasSubstr("other/web: ")));
}

TEST(PlanDrain, AGlobalServiceDoesNotVanish) {
  Cluster world(2);
  Service everywhere = test_service("app");
  everywhere.placement.global = true;
  world.machine(2).state = MachineState::standby;
  world.do_it(world.plan(test_request({everywhere})));
  EXPECT_THAT(misfits(world.drain()), ElementsAre(HasSubstr("shop/app: no machine can run")));
}

TEST(PlanDrain, AMachineThatIsSilentOrUnknownIsRefused) {
  Cluster world;
  world.silence(1);
  const PlanIdentity identity{OperationId("drain"), 1};
  EXPECT_EQ(plan_drain(test_machine(1).id, world.snapshot, identity).error().code,
            Code::precondition);
  EXPECT_EQ(plan_drain(MachineId("nobody"), world.snapshot, identity).error().code,
            Code::not_found);
}

TEST(PlanDrain, DoneInThatOrderNothingIsLeft) {
  Cluster world;
  world.on_first(with_database());
  world.on_first(with_database("other"));
  world.machine(1).state = MachineState::draining;
  for (int steps = 0; steps < 10; ++steps) {
    const DrainPlan drain = world.drain();
    ASSERT_THAT(misfits(drain), ElementsAre());
    if (drain.moves.empty()) break;
    world.do_it(drain.moves.front().plan);
  }
  EXPECT_TRUE(world.drain().moves.empty());
  for (const char* name : {"shop", "other"}) {
    EXPECT_EQ(count(world.newest(name), test_machine(1).id), 0u);
  }
  EXPECT_EQ(world.facts(1).instances.size(), 0u);
  for (const DatasetLeft& left : world.drain().stays) EXPECT_FALSE(left.moves);
}

}  // namespace
}  // namespace ployz

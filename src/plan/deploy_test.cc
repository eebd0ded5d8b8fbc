#include "plan/deploy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/testing/world.h"

namespace ployz {
namespace {

using ployz::testing::kImage1;
using ployz::testing::kImage2;
using ployz::testing::shape;
using ployz::testing::test_request;
using ployz::testing::test_service;
using ployz::testing::World;
using ::testing::HasSubstr;

World world_with_web(int machines = 1) {
  World world(machines);
  world.image("shop/web:1", kImage1).image("shop/web:2", kImage2).image("shop/db:1", kImage1);
  return world;
}

Service updated(Service service) {
  service.container.image = "shop/web:2";
  return service;
}

TEST(PlanDeploy, CreatesAService) {
  World world = world_with_web();
  const auto plan = world.plan(test_request({test_service("web")}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(shape(plan->apply),
            "a001 ensure_image machine-1\n"
            "a002 run_instance machine-1 after a001 undo remove_instance\n"
            "a003 await_ready machine-1 after a002\n"
            "a004 prepare_routes machine-1 after a003 undo discard_routes\n");
  EXPECT_TRUE(plan->cleanup.empty());
  ASSERT_TRUE(plan->commit);
  EXPECT_EQ(plan->expected_sequence, 0u);
  EXPECT_EQ(plan->commit->services.at(0).service.container.image_id, kImage1);
  ASSERT_EQ(plan->claims.size(), 1u);
  EXPECT_EQ(plan->claims[0].addresses.size(), 1u);
  EXPECT_EQ(plan->claims[0].image_ids, std::vector<std::string>{std::string(kImage1)});
  EXPECT_TRUE(validate(*plan));
}

TEST(PlanDeploy, TheSameInputGivesTheSamePlan) {
  World one = world_with_web(3);
  World two = world_with_web(3);
  const auto request = test_request({test_service("web", 5), test_service("db")});
  EXPECT_EQ(*one.plan(request), *two.plan(request));
}

TEST(PlanDeploy, AgainChangesNothing) {
  World world = world_with_web(2);
  const auto request = test_request({test_service("web", 3), test_service("db")});
  world.execute(*world.plan(request));
  const auto again = world.plan(request);
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_TRUE(again->unchanged());
  EXPECT_TRUE(again->apply.empty());
  EXPECT_EQ(again->expected_sequence, 1u);
}

TEST(PlanDeploy, ReplacesBlueGreen) {
  World world = world_with_web();
  world.execute(*world.plan(test_request({test_service("web")})));
  const InstanceId old = world.newest().services[0].instances[0].id;
  const auto plan = world.plan(test_request({updated(test_service("web"))}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(shape(plan->apply),
            "a001 ensure_image machine-1\n"
            "a002 run_instance machine-1 after a001 undo remove_instance\n"
            "a003 await_ready machine-1 after a002\n"
            "a004 prepare_routes machine-1 after a003 undo discard_routes\n");
  EXPECT_EQ(shape(plan->cleanup),
            "c001 drain_routes machine-1\n"
            "c002 remove_instance machine-1 after c001\n");
  EXPECT_EQ(std::get<RemoveInstance>(plan->cleanup[1].action).instance, old);
  EXPECT_EQ(plan->changes[0].kind, Change::Kind::replace);
  EXPECT_THAT(plan->changes[0].detail, HasSubstr("shop/web:1 (111111111111) → shop/web:2"));
}

TEST(PlanDeploy, RecreateStopsTheOldWhenAllElseIsReady) {
  World world = world_with_web();
  Service db = test_service("db");
  db.rollout = Rollout::recreate;
  world.execute(*world.plan(test_request({db, test_service("web")})));
  db.container.env["A"] = "1";
  const auto plan = world.plan(test_request({db, updated(test_service("web"))}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(shape(plan->apply),
            "a001 ensure_image machine-1\n"
            "a002 run_instance machine-1 after a001 undo remove_instance\n"
            "a003 await_ready machine-1 after a002\n"
            "a004 await_routes machine-1 undo await_routes\n"
            "a005 ensure_image machine-1\n"
            "a006 stop_instance machine-1 after a003 a004 a005 undo start_instance\n"
            "a007 run_instance machine-1 after a005 a006 undo remove_instance\n"
            "a008 await_ready machine-1 after a007\n"
            "a009 prepare_routes machine-1 after a003 a008 undo discard_routes\n");
}

TEST(PlanDeploy, ReplacesACrashedInstanceOnly) {
  World world = world_with_web();
  const auto request = test_request({test_service("web", 2)});
  world.execute(*world.plan(request));
  const auto before = world.newest().services[0].instances;
  world.find(before[0].id)->state = InstanceState::exited;
  world.find(before[0].id)->exit_code = 7;
  const auto plan = world.plan(request);
  ASSERT_TRUE(plan) << plan.error().line();
  ASSERT_TRUE(plan->commit);
  const auto& after = plan->commit->services[0].instances;
  EXPECT_EQ(after.size(), 2u);
  EXPECT_TRUE(std::ranges::contains(after, before[1]));
  EXPECT_FALSE(std::ranges::contains(after, before[0]));
  EXPECT_EQ(plan->changes[2].detail, "exited with code 7");
}

TEST(PlanDeploy, ScalesUpAndDown) {
  World world = world_with_web(2);
  world.execute(*world.plan(test_request({test_service("web", 2)})));
  const auto up = world.plan(test_request({test_service("web", 4)}));
  ASSERT_TRUE(up);
  EXPECT_EQ(up->changes[0].kind, Change::Kind::scale);
  EXPECT_EQ(up->changes[0].detail, "2 → 4 instances");
  world.execute(*up);
  const auto down = world.plan(test_request({test_service("web", 2)}));
  ASSERT_TRUE(down);
  const auto& left = down->commit->services[0].instances;
  ASSERT_EQ(left.size(), 2u);
  EXPECT_NE(left[0].machine, left[1].machine) << "the spread is kept";
}

TEST(PlanDeploy, RemovesAServiceThatIsNotNamedAnyMore) {
  World world = world_with_web();
  world.execute(*world.plan(test_request({test_service("db"), test_service("web")})));
  const auto plan = world.plan(test_request({test_service("web")}));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->commit->services.size(), 1u);
  EXPECT_EQ(plan->changes[0].kind, Change::Kind::remove);
  EXPECT_EQ(shape(plan->cleanup),
            "c001 drain_routes machine-1\nc002 remove_instance machine-1 after c001\n");
}

TEST(PlanDeploy, OneServiceLeavesTheOthersUnseen) {
  World world = world_with_web();
  world.execute(*world.plan(test_request({test_service("db"), test_service("web")})));
  // db has crashed and its image is gone, but nobody asked about it.
  world.find(world.newest().services[0].instances[0].id)->state = InstanceState::exited;
  world.facts(1).images.erase("shop/db:1");
  auto request = test_request({updated(test_service("web"))});
  request.whole_namespace = false;
  const auto plan = world.plan(request);
  ASSERT_TRUE(plan) << plan.error().line();
  ASSERT_EQ(plan->commit->services.size(), 2u);
  EXPECT_EQ(plan->commit->services[0], world.newest().services[0]);
  EXPECT_EQ(plan->changes[0].kind, Change::Kind::keep);
}

TEST(PlanDeploy, ARouteAloneIsACommitWithoutNewInstances) {
  World world = world_with_web();
  Service web = test_service("web");
  world.execute(*world.plan(test_request({web})));
  web.routes = {{{"shop.example.com"}, "http", "/"}};
  const auto plan = world.plan(test_request({web}));
  ASSERT_TRUE(plan);
  EXPECT_EQ(shape(plan->apply), "a001 prepare_routes machine-1 undo discard_routes\n");
  EXPECT_EQ(plan->changes[1].resource, "route shop.example.com");
  EXPECT_EQ(plan->changes[1].detail, "→ web:8080");
  EXPECT_EQ(plan->commit->services[0].instances, world.newest().services[0].instances);
}

TEST(PlanDeploy, HostNetworkIsRecreatedOnItsMachine) {
  World world = world_with_web(2);
  Service web = test_service("web");
  web.container.network = NetworkMode::host;
  world.execute(*world.plan(test_request({web})));
  const MachineId machine = world.newest().services[0].instances[0].machine;
  world.snapshot.facts.at(machine).host_ports_in_use = {8080};
  web.container.image = "shop/web:2";
  const auto plan = world.plan(test_request({web}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->commit->services[0].instances[0].machine, machine);
  EXPECT_TRUE(std::ranges::contains(plan->apply, "stop_instance",
                                    [](const Step& step) { return kind_of(step.action); }));
  for (const Claim& claim : plan->claims) EXPECT_TRUE(claim.host_ports.empty());
}

TEST(PlanDeploy, GlobalRunsOnEveryActiveMachine) {
  World world = world_with_web(3);
  world.machine(2).state = MachineState::drained;
  Service web = test_service("web");
  web.placement.global = true;
  const auto plan = world.plan(test_request({web}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->commit->services[0].instances.size(), 2u);
  world.execute(*plan);
  EXPECT_TRUE(world.plan(test_request({web}))->unchanged());
  world.machine(2).state = MachineState::active;
  EXPECT_EQ(world.plan(test_request({web}))->commit->services[0].instances.size(), 3u);
}

TEST(PlanDeploy, ASilentMachineIsNamedAndTakesNoPart) {
  World world = world_with_web(2);
  world.silence(2, "no responders");
  const auto plan = world.plan(test_request({test_service("web", 2)}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->claims.size(), 1u);
  EXPECT_EQ(plan->changes.back().resource, "machine m2");
  EXPECT_THAT(plan->changes.back().detail, HasSubstr("no responders"));
}

TEST(PlanDeploy, ATombstoneIsFollowed) {
  World world = world_with_web();
  world.execute(*world.plan(test_request({test_service("web")})));
  const auto removal =
      plan_namespace_rm({NamespaceName("shop"), false}, world.snapshot, {OperationId("op"), 9});
  ASSERT_TRUE(removal) << removal.error().line();
  EXPECT_TRUE(removal->commit->removed);
  EXPECT_TRUE(removal->apply.empty());
  EXPECT_EQ(shape(removal->cleanup),
            "c001 drain_routes machine-1\nc002 remove_instance machine-1 after c001\n");
  world.execute(*removal);
  EXPECT_TRUE(world.facts(1).instances.empty());
  EXPECT_EQ(
      plan_namespace_rm({NamespaceName("shop"), false}, world.snapshot, {OperationId("op"), 9})
          .error()
          .code,
      Code::not_found);
  const auto again = world.plan(test_request({test_service("web")}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->expected_sequence, 2u);
  EXPECT_TRUE(again->cleanup.empty());
}

TEST(PlanDeploy, AMachineThatLeftTheNetworkIsReplacedWithoutCleanup) {
  World world = world_with_web(2);
  const auto request = test_request({test_service("web", 2)});
  world.execute(*world.plan(request));
  world.snapshot.facts.erase(world.machine(2).id);
  world.snapshot.machines.pop_back();
  const auto plan = world.plan(request);
  ASSERT_TRUE(plan) << plan.error().line();
  for (const CommittedInstance& instance : plan->commit->services[0].instances) {
    EXPECT_EQ(instance.machine, world.machine(1).id);
  }
  EXPECT_EQ(shape(plan->cleanup), "c001 drain_routes machine-1\n");
}

TEST(PlanDeploy, EnvironmentValuesStayOutOfThePreview) {
  World world = world_with_web();
  Service web = test_service("web");
  world.execute(*world.plan(test_request({web})));
  web.container.env["PASSWORD"] = "hunter2";
  const auto plan = world.plan(test_request({web}));
  ASSERT_TRUE(plan);
  for (const Change& change : plan->changes) {
    EXPECT_THAT(change.resource + change.detail, ::testing::Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(plan->changes[0].detail, HasSubstr("env PASSWORD"));
}

}  // namespace
}  // namespace ployz

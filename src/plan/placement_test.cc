#include "plan/placement.h"

#include <gtest/gtest.h>

#include "plan/addresses.h"
#include "plan/testing/world.h"

namespace ployz {
namespace {

using ployz::testing::kImage1;
using ployz::testing::test_request;
using ployz::testing::test_service;
using ployz::testing::World;

// "m1 m2 m2": where the service's instances stand, by name.
std::string places(const World& world, const Plan& plan, size_t service = 0) {
  std::vector<std::string> names;
  for (const CommittedInstance& instance : plan.commit->services.at(service).instances) {
    names.push_back(find_machine(world.snapshot, instance.machine)->name);
  }
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

World small_world(int machines) {
  World world(machines);
  world.image("shop/web:1", kImage1).image("shop/db:1", kImage1);
  return world;
}

TEST(Placement, SpreadsReplicas) {
  World world = small_world(3);
  EXPECT_EQ(places(world, *world.plan(test_request({test_service("web", 4)}))), "m1 m1 m2 m3");
}

TEST(Placement, PrefersFewestInstancesThenFreeMemory) {
  World world = small_world(3);
  world.facts(3).memory_free_bytes *= 2;
  EXPECT_EQ(places(world, *world.plan(test_request({test_service("web")}))), "m3");
  world.facts(3).instances.resize(2);
  world.facts(1).instances.resize(1);
  EXPECT_EQ(places(world, *world.plan(test_request({test_service("web")}))), "m2");
}

TEST(Placement, ServicesOfOnePlanSeeEachOther) {
  World world = small_world(2);
  const auto plan = world.plan(test_request({test_service("db"), test_service("web")}));
  EXPECT_EQ(places(world, *plan, 0), "m1");
  EXPECT_EQ(places(world, *plan, 1), "m2");
}

TEST(Placement, AReplacementStaysWhereItWas) {
  World world = small_world(3);
  Service web = test_service("web");
  web.placement.machines = {"m3"};
  world.execute(*world.plan(test_request({web})));
  web.placement.machines.clear();
  web.container.env["A"] = "1";
  world.facts(3).instances.resize(5);
  EXPECT_EQ(places(world, *world.plan(test_request({web}))), "m3");
}

TEST(Placement, AMovedPinMovesTheInstance) {
  World world = small_world(2);
  Service web = test_service("web");
  web.placement.machines = {"m1"};
  world.execute(*world.plan(test_request({web})));
  web.placement.machines = {"machine-2"};
  const auto plan = world.plan(test_request({web}));
  EXPECT_EQ(places(world, *plan), "m2");
  EXPECT_EQ(plan->cleanup.size(), 3u);
}

TEST(Placement, OnlyWhereTheImageIsOrCanBePulled) {
  World world = small_world(3);
  world.facts(1).images.clear();
  world.facts(2).images.clear();
  world.facts(1).pullable["shop/web:1"] = "denied";
  world.facts(2).pullable["shop/web:1"] = "";
  const auto plan = world.plan(test_request({test_service("web", 4)}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(places(world, *plan), "m2 m2 m3 m3");
  EXPECT_EQ(plan->claims[1].pulls, std::vector<std::string>{"shop/web:1"});
  EXPECT_TRUE(plan->claims[1].image_ids.empty());
}

// "m2: has the image": where each new instance stands, and why.
std::vector<std::string> reasons(const Plan& plan) {
  std::vector<std::string> lines;
  for (const Change& change : plan.changes) {
    if (change.kind != Change::Kind::create || !change.resource.starts_with("instance ")) continue;
    lines.push_back(change.resource.substr(change.resource.rfind(' ') + 1) +
                    change.detail.substr(change.detail.find(',')));
  }
  std::ranges::sort(lines);
  return lines;
}

std::string excluded(const Plan& plan) {
  for (const Change& change : plan.changes) {
    if (change.resource.starts_with("placement of ")) return change.detail;
  }
  return "";
}

TEST(Placement, PrefersWhereTheImageIs) {
  World world = small_world(3);
  world.facts(1).images.clear();
  world.facts(1).pullable["shop/web:1"] = "";
  world.facts(2).images.clear();
  world.facts(2).pullable["shop/web:1"] = "";
  world.facts(3).instances.resize(3);
  const auto one = world.plan(test_request({test_service("web")}));
  EXPECT_EQ(reasons(*one), (std::vector<std::string>{"m3, has the image"}))
      << "though the others have fewer instances";
  const auto three = world.plan(test_request({test_service("web", 3)}));
  EXPECT_EQ(places(world, *three), "m1 m2 m3") << "spreading is worth a pull";
}

TEST(Placement, SaysWhatWasExcludedAndWhy) {
  World world = small_world(4);
  world.machine(2).state = MachineState::drained;
  world.silence(3, "no answer in 5 s");
  world.facts(4).images.clear();
  world.facts(4).pullable["shop/web:1"] = "denied";
  const auto plan = world.plan(test_request({test_service("web")}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(places(world, *plan), "m1");
  EXPECT_EQ(excluded(*plan),
            "not on: m2 is drained; m3 does not answer: no answer in 5 s; m4 lacks the image and "
            "cannot pull it: denied");
}

TEST(Placement, IsTheSameWheneverItIsAsked) {
  World world = small_world(5);
  world.facts(2).memory_free_bytes += 1;
  world.facts(4).instances.resize(1);
  const DeployRequest request = test_request({test_service("db", 3), test_service("web", 7)});
  const auto plan = plan_deploy(request, world.snapshot, {OperationId("op"), 7});
  const auto again = plan_deploy(request, world.snapshot, {OperationId("op"), 7});
  EXPECT_EQ(to_text(to_json(*plan)), to_text(to_json(*again)));
}

TEST(Placement, AnImageThatOnlyAnotherMachineKnowsIsPulledByItsId) {
  World world = small_world(2);
  world.facts(2).images.clear();
  world.facts(2).pullable["shop/web:1"] = "";
  Service web = test_service("web");
  web.placement.machines = {"m2"};
  const auto plan = world.plan(test_request({web}));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(places(world, *plan), "m2");
  EXPECT_EQ(plan->commit->services.at(0).service.container.image_id, kImage1);
  world.facts(2).pullable["shop/web:1"] = "denied";
  const auto refused = world.plan(test_request({web}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().hint,
            "copy it: ployzctl image distribute shop/web:1 --from m1 --to m2");
}

TEST(Placement, GlobalIsOneOnEveryActiveMachine) {
  World world = small_world(4);
  Service web = test_service("web");
  web.placement.global = true;
  world.machine(4).state = MachineState::drained;
  EXPECT_EQ(places(world, *world.plan(test_request({web}))), "m1 m2 m3");
  world.silence(2);
  EXPECT_EQ(world.plan(test_request({web})).error().code, Code::precondition);
}

TEST(Placement, WhatRunsOnAMachineThatTakesNothingNewStays) {
  for (const MachineState state : {MachineState::standby, MachineState::draining}) {
    World world = small_world(2);
    Service web = test_service("web");
    web.placement.machines = {"m1"};
    Service db = test_service("db");
    world.execute(*world.plan(test_request({db, web})));
    world.machine(1).state = state;
    const auto again = world.plan(test_request({db, web}));
    ASSERT_TRUE(again) << again.error().line();
    EXPECT_TRUE(again->unchanged());
    // Another service of the namespace may change; this one may not.
    db.container.env["A"] = "1";
    db.placement.machines = {"m2"};
    const auto other = world.plan(test_request({db, web}));
    ASSERT_TRUE(other) << other.error().line();
    EXPECT_EQ(places(world, *other, 1), "m1");
    web.container.env["A"] = "1";
    EXPECT_EQ(world.plan(test_request({db, web})).error().message,
              "service web must run on a machine that cannot take it: m1 is " +
                  std::string(to_string(state)));
    // Without the pin its successor goes elsewhere.
    web.placement.machines.clear();
    EXPECT_EQ(places(world, *world.plan(test_request({db, web})), 1), "m2");
  }
}

TEST(Placement, OnTheOnlyMachineAndOnStandbyItStaysToo) {
  World world = small_world(1);
  const DeployRequest request = test_request({test_service("web")});
  world.execute(*world.plan(request));
  world.machine(1).state = MachineState::standby;
  const auto again = world.plan(request);
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_TRUE(again->unchanged());
  EXPECT_EQ(world.plan(test_request({test_service("web", 2)})).error().message,
            "no machine can run service web: m1 is standby");
}

TEST(Addresses, ParseAndFormat) {
  EXPECT_EQ(format_ipv4(*parse_ipv4("10.101.0.7")), "10.101.0.7");
  for (const char* bad :
       {"", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1.", "a.b.c.d", "-1.0.0.0"}) {
    EXPECT_FALSE(parse_ipv4(bad)) << bad;
  }
  for (const char* bad : {"10.0.0.0", "10.0.0.1/24", "10.0.0.0/31", "10.0.0.0/7", "10.0.0.0/"}) {
    EXPECT_FALSE(parse_subnet(bad)) << bad;
  }
}

TEST(Addresses, AreUniqueAndNeverReserved) {
  World world = small_world(1);
  world.facts(1).addresses_in_use = {"10.101.1.77"};
  AddressPool pool(world.snapshot, 42);
  std::set<std::string> taken;
  for (int i = 0; i < 252; ++i) {
    const auto address = pool.take(world.machine(1));
    ASSERT_TRUE(address) << i;
    EXPECT_TRUE(taken.insert(*address).second);
  }
  EXPECT_FALSE(taken.contains("10.101.1.0"));
  EXPECT_FALSE(taken.contains("10.101.1.1"));
  EXPECT_FALSE(taken.contains("10.101.1.77"));
  EXPECT_FALSE(taken.contains("10.101.1.255"));
  EXPECT_EQ(pool.take(world.machine(1)).error().code, Code::precondition);
}

TEST(Addresses, DifferentSeedsRarelyCollide) {
  World world = small_world(1);
  std::set<std::string> firsts;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    firsts.insert(*AddressPool(world.snapshot, seed).take(world.machine(1)));
  }
  EXPECT_GT(firsts.size(), 40u);
}

}  // namespace
}  // namespace ployz

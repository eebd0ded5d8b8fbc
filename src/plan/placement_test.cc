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

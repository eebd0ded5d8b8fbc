#include "mesh/store_handover.h"

#include <gtest/gtest.h>

#include "mesh/store_transfer.h"

namespace ployz {
namespace {

Machine machine(int n, bool stores = false, MachineState state = MachineState::active) {
  Machine machine;
  machine.id = MachineId(std::format("id-{}", n));
  machine.name = std::format("m{}", n);
  machine.overlay_address = std::format("10.101.{}.1", n);
  machine.created_at_ms = static_cast<uint64_t>(100 - n);  // the last is the eldest
  machine.stores = stores;
  machine.state = state;
  return machine;
}

RemovalRequest forced() {
  RemovalRequest request;
  request.force = true;
  return request;
}

TEST(PlanHandover, NothingOfWhoHoldsNoCopy) {
  const auto move = plan_handover(machine(1), {}, {machine(2, true)});
  ASSERT_TRUE(move);
  EXPECT_FALSE(*move);
}

TEST(PlanHandover, TheEldestOfTheOthersTakesTheOnlyCopy) {
  const auto move = plan_handover(
      machine(1, true), {},
      {machine(2), machine(3), machine(4, false, MachineState::draining)});
  ASSERT_TRUE(move && *move);
  EXPECT_EQ((*move)->replicas, 1u);
  EXPECT_EQ((*move)->machines, std::vector<std::string>{"id-3"});
}

TEST(PlanHandover, WhoHoldsACopyKeepsIt) {
  const auto move = plan_handover(machine(1, true), forced(),
                                  {machine(2, true), machine(3, true), machine(4), machine(5)});
  ASSERT_TRUE(move && *move);
  EXPECT_EQ((*move)->machines, (std::vector<std::string>{"id-3", "id-2", "id-5"}));
}

TEST(PlanHandover, TooFewOthersAreNamed) {
  const auto move = plan_handover(machine(1, true), {}, {machine(2, true), machine(3, true)});
  ASSERT_FALSE(move);
  EXPECT_EQ(move.error().code, Code::precondition);
  EXPECT_EQ(move.error().message,
            "machine m1 holds one of 3 copies of the store; there are to be 3, and of the others only "
            "2 could: m3, m2");
  EXPECT_TRUE(move.error().hint.contains("--replicas 1"));
}

TEST(PlanHandover, FewerCopiesWhenThatIsAskedFor) {
  RemovalRequest request;
  request.replicas = 1;
  const auto move = plan_handover(machine(1, true), request, {machine(2, true), machine(3, true)});
  ASSERT_TRUE(move && *move) << move.error().line();
  EXPECT_EQ((*move)->replicas, 1u);
  EXPECT_EQ((*move)->machines, std::vector<std::string>{"id-3"});
  // Repeated when the store has moved, there is nothing to be moved.
  EXPECT_FALSE(plan_handover(machine(1), request, {machine(3, true)}).value());
  request.replicas = 2;
  EXPECT_EQ(plan_handover(machine(1, true), request, {machine(2, true)}).error().code,
            Code::invalid);
}

TEST(PlanHandover, TheOnlyCopyOfALostMachineIsNotHandedOver) {
  const auto move = plan_handover(machine(1, true), forced(), {machine(2)});
  ASSERT_FALSE(move);
  EXPECT_TRUE(move.error().message.contains("the only copy of the store"));
}

TEST(PlanStore, NamedOnesAndThoseThatHoldItNow) {
  const std::vector<Machine> machines{machine(1, true), machine(2), machine(3), machine(4)};
  const auto three = plan_store({3, {"m3", "m2"}, false}, machines, 7);
  ASSERT_TRUE(three);
  EXPECT_EQ(three->epoch, 8u);
  EXPECT_EQ(three->members, (std::vector<StoreMember>{{MachineId("id-1"), "10.101.1.1"},
                                                      {MachineId("id-2"), "10.101.2.1"},
                                                      {MachineId("id-3"), "10.101.3.1"}}));
  const auto one = plan_store({1, {"id-4"}, false}, machines, 7);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->members.front().machine, MachineId("id-4"));
}

TEST(PlanStore, RefusesWhatCannotBe) {
  const std::vector<Machine> machines{machine(1, true), machine(2),
                                      machine(3, false, MachineState::drained)};
  EXPECT_EQ(plan_store({2, {"m2"}, false}, machines, 1).error().code, Code::invalid);
  EXPECT_EQ(plan_store({1, {"m9"}, false}, machines, 1).error().code, Code::not_found);
  EXPECT_EQ(plan_store({1, {"m1", "m2"}, false}, machines, 1).error().code, Code::precondition);
  EXPECT_EQ(plan_store({1, {"m3"}, false}, machines, 1).error().code, Code::precondition);
  const auto few = plan_store({3, {"m2"}, false}, machines, 1);
  ASSERT_FALSE(few);
  EXPECT_TRUE(few.error().message.contains("1 more machines")) << few.error().message;
}

}  // namespace
}  // namespace ployz

// States of machines, on the simulator's store.
#include "mesh/machine_state.h"

#include <gtest/gtest.h>

#include "drivers/os/system_clock.h"
#include "plan/testing/world.h"
#include "sim/fakes/fake_store.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

using testing::kImage1;
using testing::test_machine;
using testing::test_request;
using testing::test_service;
using testing::World;

class MachineStateTest : public ::testing::Test {
 protected:
  MachineStateTest() {
    for (const Machine& machine : world_.snapshot.machines) {
      EXPECT_TRUE(
          store_.create(Bucket::machines, machine.id.str(), to_text(to_json(machine))));
    }
  }

  Json record(int number) {
    const auto found = store_.get(Bucket::machines, test_machine(number).id.str());
    return found && *found ? parse_json((*found)->value).value() : Json();
  }
  MachineState state(int number) { return machine_from_json(record(number)).value().state; }

  Result<StateReport> standby(std::string machine, bool force = false, bool preview = false) {
    return put_on_standby({std::move(machine), force, preview}, world_.snapshot, store_, clock_);
  }
  Result<StateReport> activate(std::string_view machine) {
    return put_in_service(machine, false, world_.snapshot, store_, clock_);
  }
  void run_web() {
    world_.image("shop/web:1", kImage1);
    world_.execute(*world_.plan(test_request({test_service("web", 2)})));
  }

  SystemClock clock_;
  sim::NoHook hook_;
  sim::FakeStore store_{hook_};
  World world_{2};
};

TEST_F(MachineStateTest, StandbyAndBackWriteOnlyTheState) {
  const auto done = standby("m2");
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_TRUE(done->changed);
  EXPECT_EQ(done->machine.state, MachineState::standby);
  EXPECT_EQ(state(2), MachineState::standby);
  EXPECT_EQ(state(1), MachineState::active);
  Machine same = test_machine(2);
  same.state = MachineState::standby;
  EXPECT_EQ(done->machine, same);
  EXPECT_FALSE(standby("machine-2")->changed) << "by its id, and so already";
  EXPECT_TRUE(activate("m2")->changed);
  EXPECT_EQ(state(2), MachineState::active);
  EXPECT_FALSE(activate("m2")->changed);
  EXPECT_EQ(standby("m9").error().code, Code::not_found);
  EXPECT_EQ(activate("m9").error().code, Code::not_found);
}

TEST_F(MachineStateTest, StandbyIsRefusedWhileWorkloadsRunThereUnlessForced) {
  run_web();
  const auto refused = standby("m2");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_EQ(refused.error().message, "machine m2 runs shop/web");
  EXPECT_EQ(refused.error().context.at(0), (Context{"shop/web", "1 instances"}));
  EXPECT_EQ(state(2), MachineState::active);
  const auto preview = standby("m2", true, true);
  ASSERT_TRUE(preview) << preview.error().line();
  EXPECT_TRUE(preview->changed);
  EXPECT_EQ(state(2), MachineState::active);
  const auto forced = standby("m2", true);
  ASSERT_TRUE(forced) << forced.error().line();
  EXPECT_EQ(forced->workloads.at(0).name(), "shop/web");
  // Without force too, once it is so.
  EXPECT_FALSE(standby("m2")->changed);
}

TEST_F(MachineStateTest, ADrainThatRunsIsNotTurnedIntoStandby) {
  ASSERT_TRUE(change_machine_state(store_, clock_, test_machine(2).id, MachineState::draining));
  EXPECT_EQ(standby("m2", true).error().message, "machine m2 is being drained");
  EXPECT_TRUE(activate("m2")->changed);
  ASSERT_TRUE(change_machine_state(store_, clock_, test_machine(2).id, MachineState::drained));
  EXPECT_TRUE(standby("m2")->changed);
}

TEST_F(MachineStateTest, SomebodyWhoWasQuickerIsSeen) {
  bool first = true;
  const auto guard = [&](const Machine& now) -> Status {
    if (!std::exchange(first, false)) {
      EXPECT_EQ(now.state, MachineState::standby);
      return fail(Code::precondition, "it is another now");
    }
    EXPECT_TRUE(change_machine_state(store_, clock_, now.id, MachineState::standby));
    return {};
  };
  const auto lost =
      change_machine_state(store_, clock_, test_machine(2).id, MachineState::drained, guard);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().message, "it is another now");
  EXPECT_EQ(state(2), MachineState::standby);
}

}  // namespace
}  // namespace ployz

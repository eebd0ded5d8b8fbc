#include "mesh/update_plan.h"

#include <gtest/gtest.h>

#include <format>

namespace ployz {
namespace {

using Fate = MachineUpdated::Fate;

UpdateMember member(int number, std::string version, bool stores = false) {
  UpdateMember one;
  one.machine.id = MachineId(std::format("machine-{}", number));
  one.machine.name = std::format("m{}", number);
  one.machine.version = version;
  one.machine.stores = stores;
  one.state = UpdateState{version, version, "amd64", false, {}, {}};
  return one;
}

// m1 holds the store, m2 coordinates.
UpdateView view_of(std::string wanted) {
  UpdateView view;
  view.self = MachineId("machine-2");
  view.version = std::move(wanted);
  view.architecture = "amd64";
  view.members = {member(1, "0.1.0", true), member(2, "0.1.0"), member(3, "0.1.0"),
                  member(4, "0.1.0")};
  return view;
}

std::string order(const std::vector<MachineUpdated>& steps) {
  std::string text;
  for (const MachineUpdated& step : steps) {
    text += std::format("{}{} {}", text.empty() ? "" : ", ", step.name, to_string(step.fate));
  }
  return text;
}

std::string refusal(const UpdateView& view, Code code = Code::precondition) {
  const auto plan = plan_update(view);
  if (plan) return "planned: " + order(*plan);
  EXPECT_EQ(plan.error().code, code) << plan.error().line();
  EXPECT_EQ(plan.error().effect, Effect::none);
  return plan.error().line();
}

TEST(UpdatePlan, TheStoreLateAndTheCoordinatorLast) {
  const auto plan = plan_update(view_of("0.1.1"));
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(order(*plan), "m3 waiting, m4 waiting, m1 waiting, m2 waiting");
  EXPECT_EQ((*plan)[0].from, "0.1.0");
  EXPECT_EQ((*plan)[0].to, "0.1.1");
}

TEST(UpdatePlan, WhoHasTheVersionIsLeftAloneWhateverElseIsWrong) {
  UpdateView view = view_of("0.1.1");
  view.members[2] = member(3, "0.1.1");
  view.members[2].state->problems = {"dns: dead"};
  view.members[2].state->architecture = "arm64";
  EXPECT_EQ(order(*plan_update(view)), "m3 unchanged, m4 waiting, m1 waiting, m2 waiting");
  // Its package is there, and its daemon is of the former version still.
  view.members[3].state->installed = "0.1.1";
  EXPECT_EQ(order(*plan_update(view)), "m3 unchanged, m4 waiting, m1 waiting, m2 waiting");
}

TEST(UpdatePlan, OnlyTheNamedAndEachOnce) {
  UpdateView view = view_of("0.2.0");
  view.machines = {"m1", "machine-4", "m4"};
  EXPECT_EQ(order(*plan_update(view)), "m4 waiting, m1 waiting");
  view.machines = {"m4", "m9"};
  EXPECT_TRUE(refusal(view, Code::not_found).contains("no machine m9"));
}

TEST(UpdatePlan, MoreThanOneMinorApartIsRefusedAlsoForThoseThatStay) {
  EXPECT_EQ(order(*plan_update(view_of("0.2.5"))), "m3 waiting, m4 waiting, m1 waiting, m2 waiting");
  const std::string far = refusal(view_of("0.3.0"));
  EXPECT_TRUE(far.contains("more than one minor") && far.contains("to 0.2 first")) << far;
  EXPECT_TRUE(refusal(view_of("1.0.0")).contains("different major"));
  UpdateView back = view_of("0.1.0");
  for (UpdateMember& each : back.members) each = member(each.machine.name[1] - '0', "0.3.0");
  EXPECT_TRUE(refusal(back).contains("to 0.2 first")) << refusal(back);
  // m3 goes to 0.3 and m4 would stay with 0.1.
  UpdateView some = view_of("0.3.0");
  some.members = {member(1, "0.2.0"), member(2, "0.2.0"), member(3, "0.2.0"), member(4, "0.1.0")};
  some.machines = {"m3"};
  EXPECT_TRUE(refusal(some).contains("machine m4 runs 0.1.0")) << refusal(some);
  // One that is silent counts as its record says.
  some.members[3].state.reset();
  EXPECT_TRUE(refusal(some).contains("machine m4 runs 0.1.0")) << refusal(some);
}

TEST(UpdatePlan, WhatIsInTheWayOfOneMachineIsToldBeforeAnything) {
  UpdateView view = view_of("0.1.1");
  view.members[3].state.reset();
  view.members[3].silent = Error{Code::timeout, Effect::unknown, "no answer", "", {}};
  EXPECT_TRUE(refusal(view, Code::unavailable).contains("machine m4: no answer"));
  view.machines = {"m1", "m2", "m3"};
  EXPECT_EQ(order(*plan_update(view)), "m3 waiting, m1 waiting, m2 waiting");

  const auto with = [](auto change) {
    UpdateView other = view_of("0.1.1");
    change(other.members[3]);
    return refusal(other);
  };
  EXPECT_TRUE(with([](UpdateMember& m) { m.state->architecture = "arm64"; })
                  .contains("for amd64, machine m4 is arm64"));
  EXPECT_TRUE(with([](UpdateMember& m) { m.state->installed = ""; }).contains("as a package on m4"));
  EXPECT_TRUE(with([](UpdateMember& m) { m.state->problems = {"dns: dead"}; })
                  .contains("ployzctl doctor m4"));
  EXPECT_TRUE(with([](UpdateMember& m) { m.machine.state = MachineState::leaving; })
                  .contains("leaving"));
  EXPECT_TRUE(with([](UpdateMember& m) { m.state->version = m.state->installed = "banana"; })
                  .contains("cannot be compared"));
  EXPECT_TRUE(refusal(view_of("banana"), Code::invalid).contains("no version"));
}

TEST(UpdatePlan, AnUpdateThatRunsIsAnothersOrTheOneThatGoesOn) {
  UpdateView view = view_of("0.1.1");
  UpdateState& state = *view.members[3].state;
  state.updating = true;
  state.installed = "";
  state.last = UpdateNote{OperationId("op-1"), "0.1.0", "0.1.1", UpdateStage::installing, ""};
  EXPECT_TRUE(refusal(view).contains("by operation op-1")) << refusal(view);
  view.going_on = OperationId("op-1");
  EXPECT_EQ(order(*plan_update(view)), "m3 waiting, m4 waiting, m1 waiting, m2 waiting");
  // A package for every architecture.
  view.architecture = "all";
  view.members[2].state->architecture = "riscv64";
  EXPECT_TRUE(plan_update(view));
}

}  // namespace
}  // namespace ployz

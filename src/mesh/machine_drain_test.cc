// Drains through the real engine, on machines in memory.
#include "mesh/machine_drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/testing/fake_cluster.h"
#include "mesh/machine_state.h"

namespace ployz {
namespace {

using ::testing::HasSubstr;
using testing::Cluster;
using testing::deploy_web;
using testing::failing;
using testing::test_machine;
using testing::test_request;
using testing::test_service;
using End = DrainReport::End;

class MachineDrainTest : public ::testing::Test {
 protected:
  MachineDrainTest() {
    for (auto& [machine, facts] : cluster_.machines.machines) {
      facts.images[std::string(testing::kImage1)] = std::string(testing::kImage1);
    }
    EXPECT_TRUE(cluster_.run(deploy_web("shop/web:1", 3)));
    cluster_.take_log();
  }

  MachineDrain drain() {
    return MachineDrain({*cluster_.engine, cluster_.records, cluster_.clock, cluster_.entropy,
                         [this](const ImageCopy& copy, const MachineId& from, const EventSink&,
                                std::stop_token) -> Status {
                           copied_.push_back(std::format("{} {} {}", copy.image, from.str(), copy.to_name));
                           if (copy_fails_) return fail(Code::unavailable, "the line is cut");
                           auto& images = cluster_.machines.machines.at(copy.to).images;
                           images[copy.image] = copy.image_id;
                           images[copy.image_id] = copy.image_id;
                           return {};
                         }});
  }
  Result<DrainReport> run(const std::string& machine = "m2", std::stop_token cancel = {}) {
    return drain().run(machine, cluster_.sink(), std::move(cancel));
  }
  MachineState state(int number) {
    const auto record = cluster_.records.get(Bucket::machines, test_machine(number).id.str());
    return machine_from_json(parse_json((*record)->value).value()).value().state;
  }

  std::vector<std::string> copied_;
  bool copy_fails_ = false;
  Cluster cluster_{3};
};

TEST_F(MachineDrainTest, ImagesAreCopiedBeforeWhatNeedsThem) {
  for (int number : {1, 3}) cluster_.machines.machines.at(test_machine(number).id).images.clear();
  const auto preview = drain().preview("m2");
  ASSERT_TRUE(preview) << preview.error().line();
  ASSERT_EQ(preview->steps.size(), 1u);
  EXPECT_THAT(preview->steps[0].images, ::testing::Not(::testing::IsEmpty()));
  EXPECT_THAT(copied_, ::testing::IsEmpty());

  copy_fails_ = true;
  const auto failed = run();
  ASSERT_TRUE(failed) << failed.error().line();
  EXPECT_EQ(failed->end, End::failed);
  EXPECT_THAT(failed->error.value_or(Error{}).line(), HasSubstr("the line is cut"));
  EXPECT_EQ(state(2), MachineState::draining);

  copy_fails_ = false;
  copied_.clear();
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->end, End::drained);
  EXPECT_THAT(copied_, ::testing::ElementsAre(::testing::AnyOf("shop/web:1 machine-2 m1", "shop/web:1 machine-2 m3")));
}

TEST_F(MachineDrainTest, EverythingLeavesAndTheMachineIsDrained) {
  const auto preview = drain().preview("m2");
  ASSERT_TRUE(preview) << preview.error().line();
  EXPECT_EQ(preview->end, End::preview);
  EXPECT_EQ(preview->steps.size(), 1u);
  EXPECT_TRUE(preview->steps[0].operation.empty());
  EXPECT_EQ(state(2), MachineState::active);
  EXPECT_EQ(cluster_.take_log(), "");

  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  ASSERT_EQ(done->end, End::drained) << done->error.value_or(Error{}).line();
  ASSERT_EQ(done->steps.size(), 1u);
  EXPECT_EQ(done->steps[0].outcome, Outcome::committed);
  EXPECT_EQ(done->machine.state, MachineState::drained);
  EXPECT_EQ(state(2), MachineState::drained);
  EXPECT_EQ(cluster_.machines.running("machine-2"), "");
  EXPECT_EQ(cluster_.machines.containers(), 3u);

  const auto again = run();
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->end, End::unchanged);
  // Nothing comes there until it is active again.
  ASSERT_TRUE(cluster_.run(deploy_web("shop/web:1", 5)));
  EXPECT_EQ(cluster_.machines.running("machine-2"), "");
  ASSERT_TRUE(put_in_service("m2", false, cluster_.engine->stored().value(), cluster_.records,
                             cluster_.clock));
  ASSERT_TRUE(cluster_.run(deploy_web("shop/web:1", 6)));
  EXPECT_EQ(cluster_.machines.running("machine-2"), "web");
}

TEST_F(MachineDrainTest, AStepThatFailsIsUndoneAndTheSameCommandGoesOn) {
  cluster_.machines.fault = failing("apply run_instance");
  const auto failed = run();
  ASSERT_TRUE(failed) << failed.error().line();
  EXPECT_EQ(failed->end, End::failed);
  EXPECT_THAT(failed->error->message, HasSubstr("injected at"));
  EXPECT_THAT(failed->error->hint, HasSubstr("ployzctl machine drain m2"));
  EXPECT_EQ(failed->steps.at(0).outcome, Outcome::failed);
  EXPECT_EQ(state(2), MachineState::draining);
  EXPECT_EQ(cluster_.machines.running("machine-2"), "web");
  cluster_.machines.fault = nullptr;
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->end, End::drained);
}

TEST_F(MachineDrainTest, ACleanupThatIsPendingIsFinishedByTheSameCommand) {
  cluster_.machines.fault = failing("apply remove_instance machine-2", Code::unavailable);
  const auto pending = run();
  ASSERT_TRUE(pending) << pending.error().line();
  EXPECT_EQ(pending->end, End::cleanup_pending);
  EXPECT_EQ(state(2), MachineState::draining);
  cluster_.machines.fault = nullptr;
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->end, End::drained) << done->error.value_or(Error{}).line();
  EXPECT_TRUE(done->steps.empty());
  EXPECT_EQ(cluster_.machines.running("machine-2"), "");
}

TEST_F(MachineDrainTest, WhatFitsNowhereIsNamedAndNothingChanges) {
  Service pinned = test_service("db");
  pinned.placement.machines = {"m2"};
  ASSERT_TRUE(cluster_.run(test_request({pinned}, "bank")));
  cluster_.take_log();
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_THAT(refused.error().message, HasSubstr("machine m2 cannot be drained: bank/db (service"));
  EXPECT_EQ(refused.error().context.size(), 1u);
  EXPECT_EQ(state(2), MachineState::active);
  EXPECT_EQ(cluster_.take_log(), "");
  EXPECT_EQ(run("m9").error().code, Code::not_found);
}

TEST_F(MachineDrainTest, CanceledAndGivenUp) {
  std::stop_source cancel;
  cancel.request_stop();
  const auto aborted = run("m2", cancel.get_token());
  ASSERT_TRUE(aborted) << aborted.error().line();
  EXPECT_EQ(aborted->end, End::aborted);
  EXPECT_EQ(state(2), MachineState::draining);
  EXPECT_EQ(cluster_.machines.running("machine-2"), "web");
  ASSERT_TRUE(put_in_service("m2", false, cluster_.engine->stored().value(), cluster_.records,
                             cluster_.clock));
  EXPECT_EQ(state(2), MachineState::active);
}

TEST_F(MachineDrainTest, GivenUpWhileItRunsItDoesNotEndAsDrained) {
  cluster_.machines.fault = [this](const std::string& line) -> std::optional<Error> {
    if (line.starts_with("flip machine-1")) {
      EXPECT_TRUE(change_machine_state(cluster_.records, cluster_.clock, test_machine(2).id,
                                       MachineState::active));
    }
    return std::nullopt;
  };
  const auto report = run();
  ASSERT_TRUE(report) << report.error().line();
  EXPECT_EQ(report->end, End::failed);
  EXPECT_THAT(report->error->message, HasSubstr("put to active meanwhile"));
  EXPECT_EQ(state(2), MachineState::active);
}

TEST_F(MachineDrainTest, APlanFromBeforePlacesNothingThere) {
  const auto prepared =
      cluster_.engine->prepare(deploy_web("shop/web:1", 6), std::chrono::minutes(10));
  ASSERT_TRUE(prepared) << prepared.error().line();
  ASSERT_TRUE(change_machine_state(cluster_.records, cluster_.clock, test_machine(2).id,
                                   MachineState::standby));
  const auto refused = cluster_.engine->apply_prepared(prepared->id, cluster_.sink(), {});
  ASSERT_TRUE(refused) << refused.error().line();
  EXPECT_EQ(refused->outcome, Outcome::refused);
  EXPECT_THAT(refused->error->message, HasSubstr("machine m2 is standby now"));
  EXPECT_EQ(cluster_.machines.running("machine-2"), "web");
}

}  // namespace
}  // namespace ployz

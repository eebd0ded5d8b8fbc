// Pauses and their watchdog on the simulator's fake engine, with real threads and clocks.
#include "agent/instance_pauses.h"

#include <gtest/gtest.h>

#include "sim/fakes/counting_hook.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_containers.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

const OperationId kOperation("op-1");
const OperationId kOther("op-2");
constexpr milliseconds kLong{20'000};

class InstancePausesTest : public ::testing::Test {
 protected:
  InstancePausesTest() {
    images_.add("web:1", "sha256:web", {.ready_after_ms = 0});
    for (const char* name : {"a", "b"}) {
      RunInstance run;
      run.instance = InstanceId(name);
      run.address = std::string("10.101.0.") + name;
      run.spec.image_id = "sha256:web";
      EXPECT_TRUE(containers_.ensure_running({run, kOperation, "", "", {}}));
    }
  }
  bool serves(const std::string& name) { return containers_.serves("10.101.0." + name); }

  sim::CountingHook hook_;
  sim::SkewedClock clock_;
  sim::FakeImages images_{hook_};
  sim::FakeContainers containers_{hook_, images_};
  const std::vector<InstanceId> both_{InstanceId("a"), InstanceId("b")};
};

TEST_F(InstancePausesTest, AllStandStillAndGoOnAndItIsMeasured) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(pauses.pause(kOperation, both_, kLong));
  EXPECT_FALSE(serves("a") || serves("b"));
  const auto resumed = pauses.resume(kOperation, both_);
  ASSERT_TRUE(resumed) << resumed.error().line();
  EXPECT_GT(resumed->at("paused_us").get<uint64_t>(), 0u);
  EXPECT_TRUE(serves("a") && serves("b"));
  // What it asked for is over.
  EXPECT_EQ(pauses.resume(kOperation, both_).error().code, Code::precondition);
  EXPECT_TRUE(pauses.release(kOperation, both_));
}

TEST_F(InstancePausesTest, OneThatDoesNotRunLeavesNonePaused) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(containers_.stop(InstanceId("b"), milliseconds(0)));
  const Status paused = pauses.pause(kOperation, both_, kLong);
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().code, Code::precondition);
  EXPECT_TRUE(serves("a"));
  EXPECT_TRUE(pauses.pause(kOther, {InstanceId("a")}, kLong));
}

TEST_F(InstancePausesTest, TheLimitEndsItAndTheResumeSaysSo) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(hook_.wait("containers.unpause", 2));  // of the start
  ASSERT_TRUE(pauses.pause(kOperation, both_, milliseconds(20)));
  ASSERT_TRUE(hook_.wait("containers.unpause", 4));
  EXPECT_TRUE(serves("a") && serves("b"));
  const auto late = pauses.resume(kOperation, both_);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::precondition);
  EXPECT_TRUE(pauses.pause(kOther, both_, kLong));
}

TEST_F(InstancePausesTest, TheWatchdogGoesOnUntilTheEngineAnswers) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(hook_.wait("containers.unpause", 2));
  hook_.fail("containers.unpause", 2);
  ASSERT_TRUE(pauses.pause(kOperation, both_, milliseconds(20)));
  ASSERT_TRUE(hook_.wait("containers.unpause", 4));
  EXPECT_TRUE(serves("a") && serves("b"));
}

TEST_F(InstancePausesTest, WhatTheEnginePausesAfterTheLimitGoesOnToo) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(hook_.wait("containers.unpause", 2));
  hook_.hold("containers.pause");
  std::jthread slow([&] { EXPECT_TRUE(pauses.pause(kOperation, both_, milliseconds(20))); });
  ASSERT_TRUE(hook_.wait("containers.unpause", 4));  // too early to be of use
  hook_.let_go("containers.pause");
  slow.join();
  size_t seen = hook_.calls("containers.unpause");
  while (!serves("a") || !serves("b")) ASSERT_TRUE(hook_.wait("containers.unpause", ++seen));
  EXPECT_EQ(pauses.resume(kOperation, both_).error().code, Code::precondition);
}

// Simulation, seed 1822.
TEST_F(InstancePausesTest, APauseThatFailedAndIsNotTakenBackEndsWithItsLimit) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(hook_.wait("containers.unpause", 2));
  hook_.fail("containers.pause", 1);
  hook_.fail("containers.unpause", 1);
  EXPECT_FALSE(pauses.pause(kOperation, both_, milliseconds(20)));
  EXPECT_TRUE(pauses.pause(kOther, both_, kLong));
  EXPECT_TRUE(pauses.resume(kOther, both_));
}

TEST_F(InstancePausesTest, WhatAFormerLifeLeftPausedGoesOn) {
  ASSERT_TRUE(containers_.pause(InstanceId("a")));
  hook_.fail("containers.list", 1);
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(hook_.wait("containers.unpause", 2));
  EXPECT_TRUE(serves("a"));
  // The pause was the former life's.
  EXPECT_EQ(pauses.resume(kOperation, {InstanceId("a")}).error().code, Code::precondition);
  EXPECT_TRUE(pauses.release(kOperation, {InstanceId("a")}));
}

TEST_F(InstancePausesTest, NobodyEndsThePauseOfAnother) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(pauses.pause(kOperation, {InstanceId("a")}, kLong));
  EXPECT_TRUE(pauses.release(kOther, both_));
  EXPECT_EQ(pauses.resume(kOther, both_).error().code, Code::precondition);
  EXPECT_FALSE(serves("a"));
  EXPECT_TRUE(pauses.resume(kOperation, {InstanceId("a")}));
}

TEST_F(InstancePausesTest, ASecondPauseWaitsForTheFirst) {
  InstancePauses pauses(containers_, clock_);
  ASSERT_TRUE(pauses.pause(kOperation, both_, kLong));
  std::jthread second([&] { EXPECT_TRUE(pauses.pause(kOther, both_, kLong)); });
  EXPECT_TRUE(pauses.resume(kOperation, both_));
  second.join();
  EXPECT_FALSE(serves("a"));
}

TEST_F(InstancePausesTest, TheEndOfTheAgentLeavesNonePaused) {
  {
    InstancePauses pauses(containers_, clock_);
    ASSERT_TRUE(pauses.pause(kOperation, both_, kLong));
  }
  EXPECT_TRUE(serves("a") && serves("b"));
}

}  // namespace
}  // namespace ployz

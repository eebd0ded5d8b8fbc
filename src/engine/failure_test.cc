// What happens when a step, a machine or the operator stops an operation before its commit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using ployz::testing::Cluster;
using ployz::testing::deploy_web;
using ployz::testing::failing;
using ployz::testing::test_request;
using ployz::testing::test_service;
using ::testing::HasSubstr;

Request recreate_web(const std::string& image) {
  Service web = test_service("web");
  web.container.image = image;
  web.rollout = Rollout::recreate;
  return test_request({web});
}

struct Failure {
  std::string name;
  std::string step;  // log line that fails
  std::string rest;  // what follows in the log
};

class FailedStep : public ::testing::TestWithParam<Failure> {};

TEST_P(FailedStep, IsUndoneInReverse) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(recreate_web("shop/web:1")));
  const auto before = cluster.machines.machines;
  cluster.take_log();
  cluster.machines.fault = failing(GetParam().step);
  const auto operation = cluster.run(recreate_web("shop/web:2"));
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_EQ(exit_code(operation->outcome), 1);
  EXPECT_THAT(operation->error->message, HasSubstr("injected at " + GetParam().step));
  EXPECT_THAT(cluster.take_log(), ::testing::EndsWith(GetParam().rest));
  EXPECT_EQ(cluster.machines.machines, before);
  EXPECT_TRUE(cluster.machines.prepared.contains(MachineId("machine-1"))) << "of the first deploy";
  EXPECT_EQ(cluster.commits.all.size(), 1u);
  EXPECT_TRUE(cluster.records.list(Bucket::leases)->empty());
}

INSTANTIATE_TEST_SUITE_P(
    All, FailedStep,
    ::testing::Values(Failure{"EnsureImage", "apply ensure_image", ""},
                      Failure{"StopInstance", "apply stop_instance",
                              "apply ensure_image machine-1\nundo start_instance machine-1\n"
                              "undo await_routes machine-1\n"},
                      Failure{"RunInstance", "apply run_instance",
                              "apply stop_instance machine-1\n"
                              "undo remove_instance machine-1\nundo start_instance machine-1\n"
                              "undo await_routes machine-1\n"},
                      Failure{"AwaitReady", "apply await_ready",
                              "apply run_instance machine-1\n"
                              "undo remove_instance machine-1\nundo start_instance machine-1\n"
                              "undo await_routes machine-1\n"}),
    [](const auto& info) { return info.param.name; });

TEST(Failure, OfTheRoutersDiscardsWhatTheyPrepared) {
  Cluster cluster(2);
  cluster.machines.fault = failing("apply prepare_routes machine-2");
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_TRUE(cluster.machines.prepared.empty());
  EXPECT_EQ(cluster.machines.containers(), 0u);
}

TEST(Failure, AMachineThatIsAwayForAMomentIsAskedAgain) {
  Cluster cluster;
  int refused = 0;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (!line.starts_with("apply run_instance") || ++refused > 3) return std::nullopt;
    return Error{Code::unavailable, Effect::none, "no responders", "", {}};
  };
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::committed);
}

TEST(Failure, ALostReplyIsAskedForAgain) {
  Cluster cluster;
  cluster.machines.lost_reply = {"apply run_instance machine-1", "flip machine-1",
                                 "apply prepare_routes machine-1"};
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.running(), "web");
}

// What runs long is asked about until it ends, and what its machine forgot in a restart begins again.
TEST(Failure, AStepThatRunsIsWaitedForAndOneThatIsForgottenIsBegunAgain) {
  Cluster cluster;
  const uint64_t began_ms = cluster.clock.now_ms;
  const Json running{{"running", Json::object()}};
  cluster.machines.answers["apply run_instance machine-1"] = {running, running, Json::object()};
  int silent = 0;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (!line.starts_with("apply await_ready") || ++silent > 2) return std::nullopt;
    return Error{Code::timeout, Effect::unknown, "no answer", "", {}};
  };
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.running(), "web");
  EXPECT_LT(cluster.clock.now_ms - began_ms, 5'000u);
}

// One that says so for ever is given up, and undone.
TEST(Failure, AStepThatRunsForEverIsUndone) {
  Cluster cluster;
  auto& answers = cluster.machines.answers["apply await_ready machine-1"];
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (!line.starts_with("apply await_ready")) return std::nullopt;
    cluster.clock.now_ms += 1000;
    answers.push_back({{"running", Json::object()}});
    return std::nullopt;
  };
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_THAT(operation->error->line(), HasSubstr("it still runs after"));
  EXPECT_EQ(cluster.machines.containers(), 0u);
}

TEST(Failure, AnUndoThatFailsLeavesTheOperationInterruptedAndNamed) {
  Cluster cluster(2);
  cluster.machines.fault = [](const std::string& line) -> std::optional<Error> {
    if (line.starts_with("apply prepare") || line == "undo remove_instance machine-2") {
      return Error{Code::internal, Effect::none, "injected", "", {}};
    }
    return std::nullopt;
  };
  const auto operation = cluster.run(deploy_web("shop/web:1", 2));
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::interrupted);
  EXPECT_THAT(operation->error->message, HasSubstr("on m2: injected"));
  EXPECT_EQ(cluster.machines.running("machine-1"), "") << "the others are undone";
  EXPECT_EQ(cluster.machines.running("machine-2"), "web");

  // Neither a new deploy nor an abort can pass while it fails, both finish it later.
  EXPECT_THAT(cluster.run(deploy_web()).error().message, HasSubstr(operation->id.str()));
  EXPECT_EQ(cluster.abort(operation->id)->outcome, Outcome::interrupted);
  cluster.machines.fault = nullptr;
  EXPECT_EQ(cluster.abort(operation->id)->outcome, Outcome::failed);
  EXPECT_EQ(cluster.machines.containers(), 0u);
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::committed);
}

TEST(Failure, TheUndoPassesOverAMachineThatLeftTheNetwork) {
  Cluster cluster(2);
  cluster.machines.fault = [](const std::string& line) -> std::optional<Error> {
    if (line.starts_with("apply prepare") || line.ends_with("instance machine-2")) {
      return line.starts_with("apply run")
                 ? std::nullopt
                 : std::optional(Error{Code::internal, Effect::none, "injected", "", {}});
    }
    return std::nullopt;
  };
  const auto operation = cluster.run(deploy_web("shop/web:1", 2));
  ASSERT_EQ(operation->outcome, Outcome::interrupted);
  cluster.records.all.erase({Bucket::machines, "machine-2"});
  EXPECT_EQ(cluster.abort(operation->id)->outcome, Outcome::failed);
}

TEST(Failure, AnOldContainerThatSomebodyRemovedIsNamed) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(recreate_web("shop/web:1")));
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (!line.starts_with("apply run_instance")) return std::nullopt;
    cluster.machines.machines.begin()->second.instances.clear();
    return Error{Code::internal, Effect::none, "injected", "", {}};
  };
  const auto operation = cluster.run(recreate_web("shop/web:2"));
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_THAT(operation->error->message, HasSubstr("not all is as it was"));
}

// Canceled at each line of the log, and at the events before the first.
TEST(Cancel, AnywhereBeforeTheCommitUndoes) {
  for (const char* at : {"probe", "apply ensure_image", "apply stop_instance", "apply run_instance",
                         "apply await_ready", "apply prepare_routes"}) {
    Cluster cluster;
    ASSERT_TRUE(cluster.run(recreate_web("shop/web:1")));
    const auto before = cluster.machines.machines;
    cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
      if (line.starts_with(at)) cluster.cancel.request_stop();
      return std::nullopt;
    };
    const auto operation = cluster.run(recreate_web("shop/web:2"));
    ASSERT_TRUE(operation) << at;
    EXPECT_EQ(operation->outcome, Outcome::aborted) << at;
    EXPECT_EQ(operation->error->code, Code::canceled) << at;
    EXPECT_EQ(cluster.machines.machines, before) << at;
    EXPECT_EQ(cluster.commits.all.size(), 1u) << at;
    EXPECT_TRUE(cluster.records.list(Bucket::leases)->empty()) << at;
  }
}

TEST(Cancel, BeforeAnythingIsRecorded) {
  Cluster cluster;
  std::stop_source cancel;
  cancel.request_stop();
  const auto operation = cluster.engine->run(deploy_web(), {}, cancel.get_token());
  ASSERT_FALSE(operation);
  EXPECT_EQ(operation.error().code, Code::canceled);
  EXPECT_TRUE(cluster.records.list(Bucket::operations)->empty());
}

TEST(Cancel, DuringTheCommitOrAfterItEndsOnlyTheWaiting) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  cluster.commits.before_append = [&] { cluster.cancel.request_stop(); };
  const auto operation = cluster.run(deploy_web("shop/web:2"));
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed_cleanup_pending);
  EXPECT_EQ(cluster.commits.all.size(), 2u);
  EXPECT_EQ(cluster.resume(operation->id)->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.running(), "web");
}

TEST(Cancel, DuringAWaitTellsTheMachineToRemoveWhatIsWaitedFor) {
  Cluster cluster;
  std::string journal;
  cluster.records.on_operation = [&](const std::string& value) { journal = value; };
  bool undoing_first = false;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (line.starts_with("apply await_ready")) {
      cluster.cancel.request_stop();
      return Error{Code::canceled, Effect::none, "the wait was ended", "", {}};
    }
    if (line.starts_with("undo")) undoing_first = journal.contains(R"("undoing":true)");
    return std::nullopt;
  };
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::aborted);
  EXPECT_TRUE(undoing_first);
  EXPECT_EQ(cluster.machines.containers(), 0u);
}

}  // namespace
}  // namespace ployz

// The agent on the simulator's fakes, with real threads and clocks.
#include "agent/agent.h"

#include <semaphore>

#include <gtest/gtest.h>

#include <thread>

#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_host.h"
#include "sim/fakes/fake_step_journal.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

const OperationId kOperation("op-1");
const InstanceId kInstance("instance-1");

class AgentTest : public testing::Test {
 protected:
  AgentTest()
      : containers_(hook_, images_),
        journal_(hook_, clock_),
        prober_(hook_, [this](std::string_view address) { return containers_.serves(address); }),
        host_(hook_),
        agent_({machine(), "cluster.local"},
               {containers_, images_, journal_, prober_, host_, clock_}) {
    images_.add("web:1", "sha256:web", {.ready_after_ms = 30});
    images_.add("never:1", "sha256:never", {.never_ready = true});
    images_.add("exits:1", "sha256:exits",
                {.ready_after_ms = 60'000, .exits_after_ms = 20, .exit_code = 7});
    images_.add("far:1", "sha256:far", {}, false);
  }

  static Machine machine() {
    Machine machine;
    machine.id = MachineId("machine-1");
    machine.name = "m1";
    machine.overlay_address = "10.101.0.1";
    return machine;
  }

  static RunInstance run(const std::string& image) {
    RunInstance run;
    run.instance = kInstance;
    run.name_space = NamespaceName("shop");
    run.service = ServiceName("web");
    run.revision = RevisionId("rev-1");
    run.address = "10.101.0.2";
    run.spec.image_id = image;
    run.spec.restart = RestartPolicy::no;
    return run;
  }

  static AwaitReady await(milliseconds start_period = milliseconds(20'000)) {
    AwaitReady action;
    action.instance = kInstance;
    action.address = "10.101.0.2";
    action.port = 8080;
    action.readiness.kind = Readiness::Kind::tcp;
    action.readiness.interval = milliseconds(10);
    action.readiness.start_period = start_period;
    return action;
  }

  // As it arrives over the network.
  Result<Json> ask(const std::string& command, const Json& request) {
    return agent_.handle(command, parse_json(to_text(request)).value());
  }

  Result<Json> step(const std::string& id, Action action, StepVerb verb = StepVerb::apply,
                    uint64_t attempt = 1, size_t index = 0) {
    return ask("step", to_json(StepRequest{kOperation, attempt, StepId(id), verb, index,
                                                     std::move(action), std::nullopt,
                                                     std::nullopt}));
  }

  Result<Json> probe(const std::string& operation, std::vector<std::string> addresses,
                     std::vector<uint16_t> ports = {}, std::vector<std::string> images = {}) {
    Claim claim{MachineId("machine-1"), std::move(addresses), std::move(ports), std::move(images),
                {}, false, {}};
    return ask("probe", to_json(ProbeRequest{OperationId(operation), 1, claim}));
  }

  sim::NoHook hook_;
  sim::SkewedClock clock_;
  sim::FakeImages images_{hook_};
  sim::FakeContainers containers_;
  sim::FakeStepJournal journal_;
  sim::FakeProber prober_;
  sim::FakeHost host_;
  Agent agent_;
};

TEST_F(AgentTest, FactsSayWhatIsThereAndWhatCouldBePulled) {
  ASSERT_TRUE(step("a001", run("sha256:web")));
  ASSERT_TRUE(probe("op-2", {"10.101.0.9"}));
  host_.listen(5432);
  const auto answer =
      ask("facts", to_json(FactsRequest{{"web:1", "far:1", "none:1"}}));
  ASSERT_TRUE(answer) << answer.error().message;
  const auto facts = machine_facts_from_json(parse_json(to_text(*answer)).value());
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->addresses_in_use, (std::vector<std::string>{"10.101.0.2", "10.101.0.9"}));
  EXPECT_EQ(facts->host_ports_in_use, std::vector<uint16_t>{5432});
  EXPECT_EQ(facts->images.at("web:1"), "sha256:web");
  EXPECT_EQ(facts->pullable.at("far:1"), "");
  EXPECT_NE(facts->pullable.at("none:1"), "");
  ASSERT_EQ(facts->instances.size(), 1u);
  EXPECT_EQ(facts->instances[0].operation, kOperation);
}

TEST_F(AgentTest, AProbeSaysAllThatIsMissingAtOnceAndThenHoldsNothing) {
  ASSERT_TRUE(step("a001", run("sha256:web")));
  host_.listen(5432);
  const auto answer = probe("op-2", {"10.101.0.2", "10.101.0.3"}, {5432}, {"sha256:none"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::precondition);
  for (const char* part : {"10.101.0.2", "5432", "sha256:none"}) {
    EXPECT_NE(answer.error().message.find(part), std::string::npos) << answer.error().message;
  }
  EXPECT_TRUE(probe("op-3", {"10.101.0.3"}));
  EXPECT_EQ(probe("op-4", {"10.101.0.3"}).error().code, Code::precondition);
}

TEST_F(AgentTest, ARepeatedStepIsAnsweredWithItsFirstResult) {
  ASSERT_TRUE(step("a001", run("sha256:web")));
  const auto first = step("a002", await());
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(step("c001", RemoveInstance{kInstance, milliseconds(0)}));
  EXPECT_EQ(step("a002", await()), first);
  EXPECT_TRUE(step("a001", run("sha256:web")));
  EXPECT_TRUE(containers_.all().empty());
}

TEST_F(AgentTest, AnApplyAfterItsUndoIsRefused) {
  // The undo overtakes the apply.
  ASSERT_TRUE(step("a001", RemoveInstance{kInstance, milliseconds(0)}, StepVerb::undo));
  const auto late = step("a001", run("sha256:web"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::conflict);
  EXPECT_TRUE(containers_.all().empty());
  EXPECT_TRUE(step("a001", RemoveInstance{kInstance, milliseconds(0)}, StepVerb::undo, 1, 1));
}

TEST_F(AgentTest, AReplacedCoordinatorIsRefused) {
  ASSERT_TRUE(step("a001", run("sha256:web"), StepVerb::apply, 2));
  EXPECT_EQ(step("a002", await(), StepVerb::apply, 1).error().code, Code::conflict);
  EXPECT_TRUE(step("a002", await(), StepVerb::apply, 3));
}

TEST_F(AgentTest, AnExitEndsTheWaitAtOnceWithItsCodeAndLog) {
  ASSERT_TRUE(step("a001", run("sha256:exits")));
  const auto ready = step("a002", await());
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code, Code::precondition);
  EXPECT_NE(ready.error().message.find("exited with code 7"), std::string::npos)
      << ready.error().message;
  ASSERT_EQ(ready.error().context.size(), 1u);
  EXPECT_NE(ready.error().context[0].value.find("exited with 7"), std::string::npos);
}

TEST_F(AgentTest, ARestartCountsAsAnExit) {
  RunInstance restarting = run("sha256:exits");
  restarting.spec.restart = RestartPolicy::always;
  ASSERT_TRUE(step("a001", restarting));
  EXPECT_EQ(step("a002", await()).error().code, Code::precondition);
}

TEST_F(AgentTest, TheStartPeriodEndsTheWaitWithTheLastAnswer) {
  ASSERT_TRUE(step("a001", run("sha256:never")));
  const auto ready = step("a002", await(milliseconds(40)));
  ASSERT_FALSE(ready);
  EXPECT_NE(ready.error().message.find("connection refused"), std::string::npos);
}

TEST_F(AgentTest, WithoutAProbeStayingRunningIsReady) {
  AwaitReady action = await();
  action.readiness.kind = Readiness::Kind::none;
  action.readiness.interval = milliseconds(30);
  ASSERT_TRUE(step("a001", run("sha256:never")));
  EXPECT_TRUE(step("a002", action));
  ASSERT_TRUE(step("a001", RemoveInstance{kInstance, milliseconds(0)}, StepVerb::undo));
  RunInstance exits = run("sha256:exits");
  ASSERT_TRUE(step("a003", exits));
  action.readiness.interval = milliseconds(20'000);
  EXPECT_EQ(step("a004", action).error().code, Code::precondition);
}

TEST_F(AgentTest, DuplicatesWaitForTheFirstAndRemovingEndsThemAll) {
  ASSERT_TRUE(step("a001", run("sha256:never")));
  std::vector<std::optional<Result<Json>>> answers(4);
  {
    std::vector<std::jthread> callers;
    for (auto& answer : answers) {
      callers.emplace_back([&] { answer = step("a002", await()); });
    }
    // Whether the waits have begun or not, removing the instance ends them.
    ASSERT_TRUE(step("a001", RemoveInstance{kInstance, milliseconds(0)}, StepVerb::undo));
  }
  for (const auto& answer : answers) EXPECT_FALSE(answer->has_value());
}

TEST_F(AgentTest, WhoeverAsksForAStepThatRunsIsToldSo) {
  ASSERT_TRUE(step("a001", run("sha256:never")));
  std::vector<std::optional<Result<Json>>> answers(2);
  {
    std::vector<std::jthread> callers;
    std::binary_semaphore told(0);
    for (auto& answer : answers) {
      callers.emplace_back([&] {
        answer = step("a002", await());
        told.release();
      });
    }
    told.acquire();  // one of them waits until the instance is ready, which is never
    ASSERT_TRUE(step("a001", RemoveInstance{kInstance, milliseconds(0)}, StepVerb::undo));
  }
  if (!answers[0]->has_value()) std::swap(answers[0], answers[1]);
  ASSERT_TRUE(answers[0]->has_value());
  EXPECT_TRUE((*answers[0])->contains("running"));
  EXPECT_FALSE(answers[1]->has_value());
}

TEST_F(AgentTest, AnUndoEndsItsOwnApply) {
  ASSERT_TRUE(step("a001", run("sha256:never")));
  std::optional<Result<Json>> answer;
  std::jthread caller([&] { answer = step("a002", await()); });
  // StartInstance stands for any undo: this one does not end the wait by what it does.
  ASSERT_TRUE(step("a002", StartInstance{kInstance}, StepVerb::undo));
  caller.join();
  ASSERT_FALSE(answer->has_value());
  // Ended, or refused because the undo was first.
  EXPECT_TRUE(answer->error().code == Code::canceled || answer->error().code == Code::conflict);
}

TEST_F(AgentTest, PullsAnAbsentImageAndNoticesAMovedTag) {
  EXPECT_EQ(step("a001", EnsureImage{"far:1", "sha256:old"}).error().code, Code::precondition);
  EXPECT_TRUE(step("a002", EnsureImage{"far:1", "sha256:far"}));
  EXPECT_TRUE(step("a003", EnsureImage{"far:1", ""}));
}

TEST_F(AgentTest, RefusesWhatIsNotItsOwn) {
  EXPECT_EQ(step("a001", PrepareRoutes{}).error().code, Code::invalid);
  EXPECT_EQ(agent_.handle("dance", {}).error().code, Code::unsupported);
  EXPECT_EQ(agent_.handle("step", Json::object()).error().code, Code::invalid);
}

}  // namespace
}  // namespace ployz

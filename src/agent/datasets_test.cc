// Datasets through two agents, on the simulator's fakes: steps, mounts, facts, and the way from one
// machine to the other with everything that can happen to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/agent.h"
#include "agent/dataset_stream.h"
#include "sim/fakes/counting_hook.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_host.h"
#include "sim/fakes/fake_step_journal.h"
#include "sim/fakes/fake_transfers.h"
#include "sim/fakes/fake_volumes.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

const OperationId kOperation("01operation");
const DatasetId kData("01data");
const DatasetId kCopy("01copy");
const SnapshotName kFirst("01first");
const SnapshotName kSecond("01second");

DatasetSpec spec_of(const DatasetId& id) {
  DatasetSpec spec;
  spec.id = id;
  spec.name_space = NamespaceName("shop");
  spec.volume = VolumeName("data");
  spec.operation = kOperation;
  return spec;
}

// One machine; its daemon can be killed.
struct Node {
  Node(std::string its_name, sim::FakeStreamNetwork& network)
      : name(std::move(its_name)),
        streams(network),
        volumes(hook, clock, {.name = name}) {
    images.add("web:1", "sha256:web", {.ready_after_ms = 0});
    start();
  }
  ~Node() { stop(); }

  void start() {
    transfers.emplace(hook, streams, clock, name + ":4319");
    Machine self;
    self.id = MachineId(name);
    self.name = name;
    agent.emplace(AgentConfig{self, "cluster.local", 2000},
                  Agent::Ports{containers, images, journal, prober, host, clock, &volumes,
                               &*transfers});
  }
  void stop() {
    agent.reset();
    transfers.reset();
  }
  void restart() {
    stop();
    start();
  }

  Result<Json> ask(const std::string& command, const Json& request) {
    return agent->handle(command, parse_json(to_text(request)).value());
  }
  Result<Json> step(const std::string& id, Action action, StepVerb verb = StepVerb::apply,
                    std::optional<StreamTicket> ticket = {}) {
    StepRequest request{kOperation, 1,  StepId(id),   verb,
                        0,          {}, std::nullopt, std::move(ticket)};
    request.action = std::move(action);
    return ask("step", to_json(request));
  }
  StreamTicket offer(const SnapshotName& snapshot, const DatasetId& dataset = kData) {
    const auto answer =
        ask("dataset_offer", to_json(DatasetOfferRequest{kOperation, dataset, snapshot}));
    EXPECT_TRUE(answer) << answer.error().line();
    return stream_ticket_from_json(answer.value_or(Json::object())).value_or(StreamTicket{});
  }

  const std::string name;
  sim::FakeStreamNetwork& streams;
  sim::CountingHook hook;
  sim::SkewedClock clock;
  sim::FakeImages images{hook};
  sim::FakeContainers containers{hook, images};
  sim::FakeStepJournal journal{hook, clock};
  sim::FakeProber prober{hook, [this](std::string_view at) { return containers.serves(at); }};
  sim::FakeHost host{hook};
  sim::FakeVolumes volumes;
  std::optional<sim::FakeTransfers> transfers;
  std::optional<Agent> agent;
};

class DatasetsTest : public ::testing::Test {
 protected:
  DatasetsTest() {
    EXPECT_TRUE(a_.step("a001", EnsureDataset{spec_of(kData)}));
    EXPECT_TRUE(a_.volumes.write(kData, "one"));
  }
  Result<Json> snapshot(const SnapshotName& name, const std::string& step) {
    return a_.step(step, SnapshotDatasets{{kData}, name, {}});
  }
  static ReceiveDataset receive(const SnapshotName& name) {
    return {spec_of(kCopy), MachineId("m1"), {kData, name}, false};
  }
  // As the engine: until it has ended.
  Result<Json> follow(const std::string& step, const SnapshotName& name) {
    auto answer = b_.step(step, receive(name), StepVerb::apply, a_.offer(name));
    while (answer && answer->contains("running")) answer = b_.step(step, receive(name));
    return answer;
  }
  RunInstance instance(const DatasetId& dataset) {
    RunInstance run;
    run.instance = InstanceId("web-1");
    run.name_space = NamespaceName("shop");
    run.service = ServiceName("web");
    run.address = "10.101.0.2";
    run.spec.image_id = "sha256:web";
    run.spec.mounts = {{VolumeName("data"), "/data"}};
    run.datasets = {{VolumeName("data"), dataset}};
    return run;
  }

  sim::FakeStreamNetwork network_;
  Node a_{"m1", network_};
  Node b_{"m2", network_};
};

TEST_F(DatasetsTest, MakeSnapshotCloneAndDestroyMayBeRepeated) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  ASSERT_TRUE(a_.step("a003", CloneDataset{spec_of(kCopy), {kData, kFirst}}));
  EXPECT_EQ(a_.volumes.content(kCopy), "one");
  ASSERT_TRUE(a_.step("a004", SetQuota{kCopy, 1 << 20}));
  EXPECT_EQ(a_.volumes.all()[0].spec.quota_bytes, 1u << 20);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(a_.step("c001", DestroyDataset{kCopy}));
    EXPECT_TRUE(a_.step("c002", DestroySnapshots{{kData, kCopy}, kFirst}));
  }
  ASSERT_EQ(a_.volumes.all().size(), 1u);
  EXPECT_TRUE(a_.volumes.all()[0].snapshots.empty());
}

TEST_F(DatasetsTest, AnInstanceMountsItsDatasetOrDoesNotStart) {
  const auto missing = a_.step("a002", instance(DatasetId("01none")));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_TRUE(a_.containers.all().empty());
  ASSERT_TRUE(a_.step("a003", instance(kData)));
  EXPECT_EQ(a_.containers.all()[0].datasets.at(VolumeName("data")), kData);
}

TEST_F(DatasetsTest, ASnapshotWithAPauseIsMeasuredAndLeavesNobodyPaused) {
  ASSERT_TRUE(a_.step("a002", instance(kData)));
  a_.hook.hold("volumes.snapshot");
  std::jthread held([&] {
    EXPECT_TRUE(a_.hook.wait_for_call("volumes.snapshot", 1));
    EXPECT_FALSE(a_.containers.serves("10.101.0.2"));
    a_.hook.let_go("volumes.snapshot");
  });
  const auto taken = a_.step("a003", SnapshotDatasets{{kData}, kFirst, {InstanceId("web-1")}});
  held.join();
  ASSERT_TRUE(taken) << taken.error().line();
  EXPECT_GT(taken->at("paused_us").get<uint64_t>(), 0u);
  EXPECT_TRUE(a_.containers.serves("10.101.0.2"));
}

TEST_F(DatasetsTest, WhatACrashLeftOfSeveralSnapshotsIsTakenAnew) {
  ASSERT_TRUE(a_.step("a002", EnsureDataset{spec_of(kCopy)}));
  ASSERT_TRUE(a_.step("a003", instance(kData)));
  ASSERT_TRUE(a_.volumes.snapshot({kData}, kFirst));
  ASSERT_TRUE(a_.volumes.write(kData, "two"));
  ASSERT_TRUE(a_.step("a004", SnapshotDatasets{{kData, kCopy}, kFirst, {InstanceId("web-1")}}));
  EXPECT_EQ(a_.volumes.content(kData, kFirst, "data"), "two");
}

TEST_F(DatasetsTest, PausesOfAStepEndWithItsUndo) {
  ASSERT_TRUE(a_.step("a002", instance(kData)));
  const PauseInstances pause{{InstanceId("web-1")}, milliseconds(20'000)};
  ASSERT_TRUE(a_.step("a003", pause));
  EXPECT_FALSE(a_.containers.serves("10.101.0.2"));
  ASSERT_TRUE(a_.step("a003", ResumeInstances{{InstanceId("web-1")}}, StepVerb::undo));
  EXPECT_TRUE(a_.containers.serves("10.101.0.2"));
  // A pause that arrives late is refused, a resume of what is not paused too.
  EXPECT_EQ(a_.step("a003", pause).error().code, Code::conflict);
  EXPECT_EQ(a_.step("a004", ResumeInstances{{InstanceId("web-1")}}).error().code,
            Code::precondition);
}

TEST_F(DatasetsTest, ARestartedAgentResumesWhatItsFormerLifePaused) {
  ASSERT_TRUE(a_.step("a002", instance(kData)));
  ASSERT_TRUE(a_.containers.pause(InstanceId("web-1")));
  const size_t resumed = a_.hook.calls("containers.unpause");
  a_.restart();
  ASSERT_TRUE(a_.hook.wait_for_call("containers.unpause", resumed + 1));
  ASSERT_TRUE(a_.step("a003", PauseInstances{{InstanceId("web-1")}, milliseconds(20'000)}));
  ASSERT_TRUE(a_.step("a004", ResumeInstances{{InstanceId("web-1")}}));
  EXPECT_TRUE(a_.containers.serves("10.101.0.2"));
}

TEST_F(DatasetsTest, FactsHaveThePoolAndTheDatasetsWhenAsked) {
  FactsRequest request;
  auto facts = machine_facts_from_json(a_.ask("facts", to_json(request)).value());
  ASSERT_TRUE(facts && facts->pool);
  EXPECT_EQ(facts->pool->driver, "btrfs");
  EXPECT_EQ(facts->pool->overcommit_permille, 2000u);
  EXPECT_TRUE(facts->datasets.empty());
  request.datasets = true;
  facts = machine_facts_from_json(a_.ask("facts", to_json(request)).value());
  ASSERT_TRUE(facts);
  ASSERT_EQ(facts->datasets.size(), 1u);
  EXPECT_EQ(facts->datasets[0].spec, spec_of(kData));
}

TEST_F(DatasetsTest, AClaimNamesTheDatasetsThatAreMissing) {
  ProbeRequest probe{kOperation, 1, {}};
  probe.claim.datasets = {kData};
  EXPECT_TRUE(a_.ask("probe", to_json(probe)));
  probe.claim.datasets.push_back(kCopy);
  const auto missing = a_.ask("probe", to_json(probe));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::precondition);
  EXPECT_THAT(missing.error().message, HasSubstr("dataset 01copy is not here"));
}

TEST_F(DatasetsTest, ADatasetArrivesWholeThenOnlyWhatChanged) {
  ASSERT_TRUE(a_.volumes.write(kData, std::string(300'000, 'x'), "large"));
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  const auto first = follow("a003", kFirst);
  ASSERT_TRUE(first) << first.error().line();
  EXPECT_EQ(first->at("base"), "");
  EXPECT_GT(first->at("bytes").get<uint64_t>(), 300'000u);
  EXPECT_EQ(b_.volumes.content(kCopy), "one");

  ASSERT_TRUE(a_.volumes.write(kData, "two"));
  ASSERT_TRUE(snapshot(kSecond, "a004"));
  const auto second = follow("a005", kSecond);
  ASSERT_TRUE(second) << second.error().line();
  EXPECT_EQ(second->at("base"), a_.volumes.all()[0].snapshot(kFirst)->guid);
  EXPECT_LT(second->at("bytes").get<uint64_t>(), 10'000u);
  EXPECT_EQ(b_.volumes.content(kCopy), "two");
  // The record answers from now on, with or without a ticket.
  EXPECT_EQ(b_.step("a005", receive(kSecond)), second);
}

TEST_F(DatasetsTest, ACloneOfWhatTheOtherHasIsSentAsADifference) {
  ASSERT_TRUE(a_.volumes.write(kData, std::string(300'000, 'x'), "large"));
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  ASSERT_TRUE(follow("a003", kFirst));
  const DatasetId clone("01clone");
  ASSERT_TRUE(a_.step("a004", CloneDataset{spec_of(clone), {kData, kFirst}}));
  ASSERT_TRUE(a_.volumes.write(clone, "three"));
  ASSERT_TRUE(a_.step("a005", SnapshotDatasets{{clone}, kSecond, {}}));
  const DatasetId arrived("01arrived");
  const ReceiveDataset action{spec_of(arrived), MachineId("m1"), {clone, kSecond}, false};
  auto answer = b_.step("a006", action, StepVerb::apply, a_.offer(kSecond, clone));
  while (answer && answer->contains("running")) answer = b_.step("a006", action);
  ASSERT_TRUE(answer) << answer.error().line();
  EXPECT_NE(answer->at("base"), "");
  EXPECT_LT(answer->at("bytes").get<uint64_t>(), 10'000u);
  EXPECT_EQ(b_.volumes.content(arrived), "three");
}

TEST_F(DatasetsTest, WithoutATicketNothingBeginsAndAWrongOneIsDenied) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  const auto answer = b_.step("a003", receive(kFirst));
  ASSERT_TRUE(answer) << answer.error().line();
  EXPECT_TRUE(answer->contains("needs_ticket"));
  StreamTicket ticket = a_.offer(kFirst);
  ticket.key = std::string(ticket.key.size(), '0');
  EXPECT_EQ(b_.step("a003", receive(kFirst), StepVerb::apply, ticket).error().code, Code::denied);
  EXPECT_TRUE(b_.volumes.all().empty());
  EXPECT_TRUE(follow("a003", kFirst));
}

TEST_F(DatasetsTest, ALongOneTellsHowFarItIsAndARepeatedStepAttaches) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  a_.hook.hold("volumes.send");
  const auto running = b_.step("a003", receive(kFirst), StepVerb::apply, a_.offer(kFirst));
  ASSERT_TRUE(running) << running.error().line();
  ASSERT_TRUE(running->contains("running"));
  EXPECT_GT(running->at("running").at("total_bytes").get<uint64_t>(), 0u);
  EXPECT_TRUE(b_.step("a003", receive(kFirst))->contains("running"));
  a_.hook.let_go("volumes.send");
  auto answer = b_.step("a003", receive(kFirst));
  while (answer && answer->contains("running")) answer = b_.step("a003", receive(kFirst));
  ASSERT_TRUE(answer) << answer.error().line();
  EXPECT_EQ(a_.hook.calls("volumes.send"), 1u);
}

TEST_F(DatasetsTest, AnUndoEndsWhatRunsAndTheStepIsRefusedFromThenOn) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  a_.hook.hold("volumes.send");
  ASSERT_TRUE(b_.step("a003", receive(kFirst), StepVerb::apply, a_.offer(kFirst)));
  const auto undone = b_.step("a003", DestroyDataset{kCopy}, StepVerb::undo);
  a_.hook.let_go("volumes.send");
  ASSERT_TRUE(undone) << undone.error().line();
  EXPECT_TRUE(b_.volumes.all().empty() && b_.volumes.leftovers().empty());
  EXPECT_EQ(b_.step("a003", receive(kFirst), StepVerb::apply, a_.offer(kFirst)).error().code,
            Code::conflict);
}

TEST_F(DatasetsTest, ACutLeavesNothingAndTheSameStepBeginsAgain) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  a_.hook.hold("volumes.send");
  ASSERT_TRUE(b_.step("a003", receive(kFirst), StepVerb::apply, a_.offer(kFirst)));
  network_.cut();
  a_.hook.let_go("volumes.send");
  auto answer = b_.step("a003", receive(kFirst));
  while (answer && answer->contains("running")) answer = b_.step("a003", receive(kFirst));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
  EXPECT_TRUE(b_.volumes.all().empty() && b_.volumes.leftovers().empty());
  ASSERT_TRUE(follow("a003", kFirst));
  EXPECT_EQ(b_.volumes.content(kCopy), "one");
}

TEST_F(DatasetsTest, ACutInALaterRoundLeavesTheFormer) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  ASSERT_TRUE(follow("a003", kFirst));
  ASSERT_TRUE(a_.volumes.write(kData, "two"));
  ASSERT_TRUE(snapshot(kSecond, "a004"));
  a_.hook.hold("volumes.send");
  ASSERT_TRUE(b_.step("a005", receive(kSecond), StepVerb::apply, a_.offer(kSecond)));
  network_.cut();
  a_.hook.let_go("volumes.send");
  auto answer = b_.step("a005", receive(kSecond));
  while (answer && answer->contains("running")) answer = b_.step("a005", receive(kSecond));
  EXPECT_FALSE(answer);
  EXPECT_EQ(b_.volumes.content(kCopy), "one");
  ASSERT_EQ(b_.volumes.all()[0].snapshots.size(), 1u);
}

TEST_F(DatasetsTest, ASourceThatIsRestartedCutsItAndOffersAgain) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  a_.hook.hold("volumes.send");
  ASSERT_TRUE(b_.step("a003", receive(kFirst), StepVerb::apply, a_.offer(kFirst)));
  std::jthread restart([&] { a_.restart(); });  // waits for its stream's handler
  a_.hook.let_go("volumes.send");
  restart.join();
  auto answer = b_.step("a003", receive(kFirst));
  while (answer && answer->contains("running")) answer = b_.step("a003", receive(kFirst));
  // Cut, or quicker than the restart.
  if (!answer || answer->contains("needs_ticket")) answer = follow("a003", kFirst);
  ASSERT_TRUE(answer);
  EXPECT_EQ(b_.volumes.content(kCopy), "one");
}

TEST_F(DatasetsTest, ADestinationThatIsRestartedNeedsATicketAgain) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  a_.hook.hold("volumes.send");
  ASSERT_TRUE(b_.step("a003", receive(kFirst), StepVerb::apply, a_.offer(kFirst)));
  b_.restart();
  a_.hook.let_go("volumes.send");
  EXPECT_TRUE(b_.volumes.all().empty());
  EXPECT_TRUE(b_.step("a003", receive(kFirst))->contains("needs_ticket"));
  ASSERT_TRUE(follow("a003", kFirst));
}

TEST_F(DatasetsTest, WhatArrivedBeforeAnAnswerWasLostIsNotSentAgain) {
  ASSERT_TRUE(snapshot(kFirst, "a002"));
  ASSERT_TRUE(follow("a003", kFirst));
  // As a step whose record was not written: under another id.
  const auto again = follow("a004", kFirst);
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->at("bytes"), 0u);
  EXPECT_EQ(a_.hook.calls("volumes.send"), 1u);
}

TEST_F(DatasetsTest, ASnapshotThatIsNotThereIsNotOffered) {
  const auto answer =
      a_.ask("dataset_offer", to_json(DatasetOfferRequest{kOperation, kData, kFirst}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::not_found);
}

// A peer that speaks garbage in place of a header, or goes on after its end.
TEST_F(DatasetsTest, GarbageFromThePeerIsCorruptAndLeavesNothing) {
  const std::string length("\0\0\0\x02", 4);
  for (const std::string& bytes :
       {std::string("\xff\xff\xff\xff"), std::string("\0\0", 2), length + "{}", length + "[}",
        encode(DatasetSent{"guid-1", "", 10, false}) + "garbage",
        encode(DatasetSent{"guid-1", "", 10, true}), encode(DatasetSent{"", "", 10, false})}) {
    const auto key = a_.transfers->offer(
        {std::string(kDatasetStream), kOperation.str()},
        [bytes](MachineStream& stream, const std::stop_token&) -> Status {
          TRY(read_dataset_wanted(stream));
          return stream.write(bytes);
        });
    ASSERT_TRUE(key);
    auto answer = b_.step("a003", receive(kFirst), StepVerb::apply,
                          StreamTicket{a_.transfers->address(), *key});
    while (answer && answer->contains("running")) answer = b_.step("a003", receive(kFirst));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::corrupt) << answer.error().line();
    EXPECT_TRUE(b_.volumes.all().empty() && b_.volumes.leftovers().empty());
  }
}

}  // namespace
}  // namespace ployz

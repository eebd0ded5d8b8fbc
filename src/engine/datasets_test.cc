// Plans with datasets, made by hand and run as prepared ones: tickets, progress, cuts, rounds that are
// skipped, cancels, pauses, what a takeover counts on; and prepared plans themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/journal.h"
#include "engine/prepared.h"
#include "engine/receive_text.h"
#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using ployz::testing::Cluster;
using ployz::testing::deploy_web;
using ployz::testing::failing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const MachineId kSource("machine-1");
const MachineId kDestination("machine-2");
const OperationId kId("01prepared");
const std::string kReceive = "apply receive_dataset machine-2";
constexpr uint64_t kMiB = 1 << 20;

Json running(uint64_t bytes, uint64_t total = 0) {
  return {{"running", {{"bytes", bytes}, {"total_bytes", total}}}};
}
Json received(uint64_t bytes) { return {{"bytes", bytes}, {"base", ""}}; }

Action receive(const std::string& snapshot, bool live = false) {
  ReceiveDataset action;
  action.spec.id = DatasetId("01new");
  action.spec.name_space = NamespaceName("shop");
  action.spec.volume = VolumeName("pgdata");
  action.spec.operation = kId;
  action.from = kSource;
  action.source = {DatasetId("01old"), SnapshotName(snapshot)};
  action.live = live;
  return action;
}

// A plan of these steps, one after the other, that commits an empty namespace.
class Script {
 public:
  Script() {
    plan_.kind = "migrate";
    plan_.name_space = NamespaceName("shop");
    for (const MachineId& machine : {kSource, kDestination}) {
      Claim claim;
      claim.machine = machine;
      plan_.claims.push_back(claim);
    }
    plan_.commit = Commit{};
    plan_.commit->id = CommitId("01commit");
    plan_.commit->name_space = plan_.name_space;
    plan_.commit->operation = kId;
  }
  Script& then(const MachineId& machine, Action action, std::vector<Action> undo = {}) {
    Step step{StepId(std::format("a{:03}", plan_.apply.size() + 1)), machine, Target::agent,
              std::move(action), std::move(undo), {}};
    if (!plan_.apply.empty()) step.after = {plan_.apply.back().id};
    plan_.apply.push_back(std::move(step));
    return *this;
  }
  Script& then_receive(const std::string& snapshot, bool live = false) {
    return then(kDestination, receive(snapshot, live), {DestroyDataset{DatasetId("01new")}});
  }
  // In the wave of the last one.
  Script& beside() {
    auto& steps = plan_.apply;
    steps.back().after = steps[steps.size() - 2].after;
    return *this;
  }
  [[nodiscard]] const Plan& plan() const { return plan_; }

  void store(Cluster& cluster) const {
    const PreparedPlan prepared{kId, cluster.clock.now_ms + 60'000, plan_, {{plan_.name_space, 0}}};
    ASSERT_TRUE(cluster.records.create(Bucket::plans, kId.str(), encode(prepared)));
  }
  Result<Operation> run(Cluster& cluster) const {
    store(cluster);
    cluster.cancel = {};
    return cluster.engine->apply_prepared(kId, cluster.sink(), cluster.cancel.get_token());
  }

 private:
  Plan plan_;
};

TEST(EngineDatasets, AReceiveGetsATicketTellsItsProgressAndItsResultIsRecorded) {
  Cluster cluster(2);
  cluster.machines.answers[kReceive] = {running(0), running(50 * kMiB, 100 * kMiB),
                                        received(100 * kMiB)};
  // Time passes while the machine waits.
  cluster.machines.fault = [&](const std::string&) -> std::optional<Error> {
    cluster.clock.now_ms += 1000;
    return std::nullopt;
  };
  const auto operation = Script().then_receive("01s").run(cluster);
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(operation->id, kId);
  EXPECT_EQ(operation->kind, "migrate");
  // One ticket, in the first request only.
  EXPECT_THAT(cluster.machines.tickets, ElementsAre("key-1"));
  EXPECT_THAT(cluster.events, ::testing::Contains(HasSubstr("pgdata: 52 MB of 105 MB, ")));
  const StepRecord& record = operation->steps.at(StepId("a001"));
  EXPECT_EQ(record.result.at("bytes"), 100 * kMiB);
  EXPECT_GT(record.started_at_ms, 0u);
  EXPECT_GE(record.ended_at_ms, record.started_at_ms + 3000);
  // Kept in the store; no secret is.
  const auto stored = cluster.records.get(Bucket::operations, kId.str());
  EXPECT_THAT((*stored)->value, HasSubstr(std::to_string(100 * kMiB)));
  EXPECT_THAT((*stored)->value, Not(HasSubstr("key-1")));
  for (const std::string& event : cluster.events) EXPECT_THAT(event, Not(HasSubstr("key-1")));
}

TEST(EngineDatasets, ACutIsBegunAgainWithANewTicket) {
  Cluster cluster(2);
  cluster.machines.answers[kReceive] = {running(10), {{"needs_ticket", true}}, running(5),
                                        received(20)};
  const auto operation = Script().then_receive("01s").run(cluster);
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_THAT(cluster.machines.tickets, ElementsAre("key-1", "key-2"));
}

TEST(EngineDatasets, AStreamThatBreaksEveryTimeFailsAndIsUndone) {
  Cluster cluster(2);
  cluster.machines.fault = failing(kReceive, Code::unavailable);
  const auto operation = Script().then_receive("01s").run(cluster);
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_THAT(cluster.take_log(), HasSubstr("undo destroy_dataset machine-2"));
  EXPECT_TRUE(cluster.commits.all.empty());
}

TEST(EngineDatasets, AFullPoolIsNotTriedAgain) {
  Cluster cluster(2);
  cluster.machines.fault = failing(kReceive, Code::precondition);
  ASSERT_EQ(Script().then_receive("01s").run(cluster)->outcome, Outcome::failed);
  EXPECT_EQ(cluster.take_log(), "dataset_offer machine-1\nundo destroy_dataset machine-2\n");
}

TEST(EngineDatasets, ALostAnswerIsAskedForAgain) {
  Cluster cluster(2);
  cluster.machines.lost_reply = {kReceive};
  cluster.machines.answers[kReceive] = {received(7)};
  const auto operation = Script().then_receive("01s").run(cluster);
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(cluster.take_log(),
            "dataset_offer machine-1\n" + kReceive + "\n" + kReceive +
                "\nflip machine-1\nflip machine-2\n");
}

TEST(EngineDatasets, ACancelInTheMiddleUndoes) {
  Cluster cluster(2);
  cluster.machines.answers[kReceive] = {running(1), running(2), running(3)};
  int asked = 0;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (line == kReceive && ++asked == 2) cluster.cancel.request_stop();
    return std::nullopt;
  };
  const auto operation = Script().then_receive("01s").run(cluster);
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::aborted);
  EXPECT_EQ(asked, 2);
  EXPECT_THAT(cluster.take_log(), HasSubstr("undo destroy_dataset machine-2"));
}

TEST(EngineDatasets, AFailureBesideAReceiveEndsIt) {
  Cluster cluster(2);
  cluster.machines.answers[kReceive] = {running(1), running(2)};
  cluster.machines.fault = failing("apply set_quota");
  const auto operation = Script()
                             .then(kDestination, SetQuota{DatasetId("01x"), {}})
                             .then_receive("01s")
                             .beside()
                             .run(cluster);
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_EQ(operation->error->code, Code::precondition);
}

TEST(EngineDatasets, ARoundAfterOneThatSentNextToNothingIsSkipped) {
  Cluster cluster(2);
  cluster.machines.answers[kReceive] = {received(100 * kMiB), received(kMiB), received(10)};
  const auto operation = Script()
                             .then_receive("01s1", true)
                             .then_receive("01s2", true)
                             .then_receive("01s3", true)
                             .then_receive("01s4", true)
                             .then_receive("01s5")
                             .run(cluster);
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(operation->steps.at(StepId("a002")).result.at("bytes"), kMiB);
  EXPECT_EQ(operation->steps.at(StepId("a003")).result.at("skipped"), true);
  EXPECT_EQ(operation->steps.at(StepId("a004")).result.at("skipped"), true);
  EXPECT_EQ(operation->steps.at(StepId("a005")).result.at("bytes"), 10u);
}

Script paused() {
  const std::vector<InstanceId> writers{InstanceId("w")};
  return Script()
      .then(kSource, PauseInstances{writers}, {ResumeInstances{writers}})
      .then(kSource, SnapshotDatasets{{DatasetId("01old")}, SnapshotName("01s"), {}})
      .then(kSource, ResumeInstances{writers});
}

TEST(EngineDatasets, AFailureWhileWritersArePausedResumesThem) {
  Cluster cluster(2);
  cluster.machines.fault = failing("apply snapshot_datasets");
  ASSERT_EQ(paused().run(cluster)->outcome, Outcome::failed);
  EXPECT_THAT(cluster.take_log(), HasSubstr("undo resume_instances machine-1"));
}

// The record of an operation whose coordinator died in phase apply, with these steps done.
Operation interrupted(const Plan& plan, size_t done) {
  Operation operation;
  operation.id = kId;
  operation.kind = plan.kind;
  operation.name_space = plan.name_space;
  operation.coordinator = kSource;
  operation.phase = Phase::apply;
  operation.started_at_ms = 1;
  operation.plan = plan;
  for (size_t i = 0; i < done; ++i) {
    StepRecord& record = operation.steps[plan.apply[i].id];
    record.state = StepState::done;
    record.started_at_ms = 5;
    record.ended_at_ms = 6;
    record.result = {{"bytes", 17u}};
  }
  return operation;
}

void leave(Cluster& cluster, const Operation& operation) {
  ASSERT_TRUE(cluster.records.create(Bucket::operations, kId.str(),
                                     to_text(to_json(operation, true))));
}

TEST(EngineDatasets, AResumeKeepsResultsAndAsksWhetherTheReceiveRunsStill) {
  Cluster cluster(2);
  const Script script = Script().then_receive("01s1", true).then_receive("01s2");
  leave(cluster, interrupted(script.plan(), 1));
  Dataset dataset;
  dataset.spec.id = DatasetId("01new");
  dataset.snapshots = {{SnapshotName("01s1"), "guid", 0}};
  cluster.machines.machines[kDestination].datasets = {dataset};
  cluster.machines.answers[kReceive] = {running(3), received(4)};
  const auto operation = cluster.resume(kId);
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_TRUE(cluster.machines.tickets.empty());
  EXPECT_EQ(operation->steps.at(StepId("a001")).result.at("bytes"), 17u);
  EXPECT_EQ(operation->steps.at(StepId("a001")).started_at_ms, 5u);
  EXPECT_EQ(operation->steps.at(StepId("a002")).result.at("bytes"), 4u);
}

TEST(EngineDatasets, AResumeWithoutWhatItCountsOnUndoes) {
  Cluster cluster(2);
  const Script script = Script().then_receive("01s1", true).then_receive("01s2");
  leave(cluster, interrupted(script.plan(), 1));
  const auto operation = cluster.resume(kId);
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_THAT(operation->error->message, HasSubstr("dataset 01new"));
  EXPECT_TRUE(cluster.commits.all.empty());
}

TEST(EngineDatasets, AResumeInTheMiddleOfAPauseUndoes) {
  Cluster cluster(2);
  leave(cluster, interrupted(paused().plan(), 1));
  const auto operation = cluster.resume(kId);
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_THAT(operation->error->message, HasSubstr("paused"));
  EXPECT_EQ(cluster.take_log(), "undo resume_instances machine-1\n");
}

TEST(Prepared, IsAppliedOnceUnderItsIdAndRepeatedAnswersTheSame) {
  Cluster cluster;
  const auto prepared = cluster.engine->prepare(deploy_web(), std::chrono::minutes(5));
  ASSERT_TRUE(prepared) << prepared.error().line();
  EXPECT_EQ(prepared->expires_at_ms, cluster.clock.now_ms + 5 * 60'000);
  EXPECT_EQ(cluster.take_log(), "");
  EXPECT_TRUE(cluster.records.list(Bucket::operations)->empty());
  const auto applied = cluster.engine->apply_prepared(prepared->id, cluster.sink(), {});
  ASSERT_TRUE(applied) << applied.error().line();
  EXPECT_EQ(applied->id, prepared->id);
  EXPECT_EQ(applied->outcome, Outcome::committed);
  EXPECT_EQ(applied->plan, prepared->plan);
  cluster.take_log();
  const auto again = cluster.engine->apply_prepared(prepared->id, cluster.sink(), {});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->outcome, Outcome::committed);
  EXPECT_EQ(cluster.take_log(), "");
  EXPECT_EQ(cluster.commits.all.size(), 1u);
}

TEST(Prepared, IsRefusedWhenItHasExpiredOrItsNamespaceMovedOrNobodyKnowsIt) {
  Cluster cluster;
  const auto expired = cluster.engine->prepare(deploy_web(), std::chrono::seconds(1));
  const auto moved = cluster.engine->prepare(deploy_web(), std::chrono::minutes(5));
  ASSERT_TRUE(expired && moved);
  cluster.clock.now_ms += 2000;
  const auto late = cluster.engine->apply_prepared(expired->id, cluster.sink(), {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::precondition);
  EXPECT_THAT(late.error().message, HasSubstr("expired"));
  ASSERT_TRUE(cluster.run(deploy_web()));
  const auto after = cluster.engine->apply_prepared(moved->id, cluster.sink(), {});
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::precondition);
  EXPECT_THAT(after.error().message, HasSubstr("shop has changed"));
  EXPECT_EQ(cluster.engine->apply_prepared(OperationId("01none"), cluster.sink(), {}).error().code,
            Code::not_found);
  EXPECT_EQ(cluster.engine->operations(10)->size(), 1u);
  // The next one to be prepared takes the expired away.
  ASSERT_TRUE(cluster.engine->prepare(deploy_web("shop/web:2"), std::chrono::minutes(5)));
  EXPECT_EQ(cluster.records.list(Bucket::plans)->size(), 2u);
}

TEST(Prepared, OneThatFailedIsNotTriedAgain) {
  Cluster cluster;
  const auto prepared = cluster.engine->prepare(deploy_web(), std::chrono::minutes(5));
  ASSERT_TRUE(prepared);
  cluster.machines.fault = failing("apply await_ready");
  ASSERT_EQ(cluster.engine->apply_prepared(prepared->id, cluster.sink(), {})->outcome,
            Outcome::failed);
  cluster.machines.fault = nullptr;
  EXPECT_EQ(cluster.engine->apply_prepared(prepared->id, cluster.sink(), {}).error().code,
            Code::precondition);
  EXPECT_EQ(cluster.engine->prepare(deploy_web(), std::chrono::hours(24 * 30)).error().code,
            Code::invalid);
}

TEST(History, IsNewestFirstWithoutFencesAndNotesWhatDoesNotParse) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  ASSERT_TRUE(cluster.run(deploy_web("shop/web:2")));
  Commit fence = *decode_commit(cluster.commits.all.back().bytes);
  fence.kind = CommitKind::fence;
  cluster.commits.all.push_back({3, NamespaceName("shop"), encode(fence)});
  cluster.commits.all.push_back({4, NamespaceName("shop"), "garbage"});
  const auto snapshot = cluster.engine->snapshot({.history = {NamespaceName("shop")}});
  ASSERT_TRUE(snapshot) << snapshot.error().line();
  const auto& history = snapshot->history.at(NamespaceName("shop"));
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].sequence, 2u);
  EXPECT_EQ(history[1].sequence, 1u);
}

TEST(ReceiveText, SaysHowFarHowFastAndHowLong) {
  ReceiveText text("pgdata", 10'000);
  EXPECT_EQ(text.next(0, 0, 12'000), std::nullopt);
  EXPECT_EQ(text.next(170'000'000, 1'200'000'000, 12'000),
            "pgdata: 170 MB of 1.2 GB, 85 MB/s, 12 s left");
  EXPECT_EQ(text.next(200'000'000, 1'200'000'000, 12'500), std::nullopt);
  EXPECT_EQ(text.next(3'000'000'000, 1'200'000'000, 40'000), "pgdata: 3.0 GB, 100 MB/s");
  EXPECT_EQ(text.next(3'000'000'000, 0, 41'000), "pgdata: 3.0 GB, 97 MB/s");
}

}  // namespace
}  // namespace ployz

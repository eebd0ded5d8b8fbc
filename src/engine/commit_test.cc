// The point of no return: answers that do not come, rivals, and a store that goes away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using ployz::testing::Cluster;
using ployz::testing::deploy_web;
using ployz::testing::Fault;
using ::testing::HasSubstr;

const NamespaceName kShop("shop");

TEST(Commit, AnUnknownAppendIsRepeated) {
  for (const Fault fault : {Fault::lost_request, Fault::lost_reply, Fault::unavailable}) {
    Cluster cluster;
    cluster.commits.faults.planned = {fault, fault == Fault::lost_reply ? Fault::none : fault};
    const auto operation = cluster.run(deploy_web());
    ASSERT_TRUE(operation);
    EXPECT_EQ(operation->outcome, Outcome::committed);
    EXPECT_EQ(cluster.commits.all.size(), 1u);
    EXPECT_EQ(operation->committed_sequence, 1u);
  }
}

TEST(Commit, ARivalThatWasQuickerUndoesOurs) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  const auto before = cluster.machines.machines;
  cluster.commits.before_append = [&] {
    const auto newest = cluster.commits.all.back();
    Commit rival = *decode_commit(newest.bytes);
    rival.id = CommitId("rival");
    (void)cluster.commits.append(kShop, newest.sequence, encode(rival));
  };
  const auto operation = cluster.run(deploy_web("shop/web:2"));
  ASSERT_TRUE(operation);
  EXPECT_EQ(operation->outcome, Outcome::failed);
  EXPECT_EQ(operation->error->code, Code::conflict);
  EXPECT_EQ(cluster.machines.machines, before);
}

TEST(Commit, IsFoundUnderALaterOne) {
  Cluster cluster;
  // Ours arrives without an answer, and somebody commits on top before we look.
  cluster.commits.faults.planned = {Fault::lost_reply};
  bool done = false;
  cluster.machines.fault = nullptr;
  cluster.commits.before_append = [&] {
    cluster.commits.before_append = [&] {
      Commit later = *decode_commit(cluster.commits.all.back().bytes);
      later.id = CommitId("later");
      done = cluster.commits.append(kShop, 1, encode(later)).has_value();
    };
  };
  const auto operation = cluster.run(deploy_web());
  ASSERT_TRUE(operation);
  EXPECT_TRUE(done);
  EXPECT_EQ(operation->outcome, Outcome::committed);
  EXPECT_EQ(operation->committed_sequence, 1u);
}

struct Away {
  Cluster cluster;
  Operation operation;

  // The first append meets this fault, then the log is gone.
  explicit Away(Fault first) {
    cluster.commits.faults.planned = {first};
    cluster.commits.faults.otherwise = Fault::unavailable;
    cluster.commits.before_append = [this] { cluster.commits.reads_fail = true; };
    operation = *cluster.run(deploy_web());
    cluster.commits.faults = {};
    cluster.commits.reads_fail = false;
  }
};

TEST(Commit, WithTheStoreGoneNothingIsUndone) {
  Away away(Fault::lost_request);
  EXPECT_EQ(away.operation.outcome, Outcome::interrupted);
  EXPECT_THAT(away.operation.error->message, HasSubstr("unknown"));
  EXPECT_EQ(away.cluster.machines.running(), "web");
}

TEST(Commit, ThatNeverLeftIsUndone) {
  Away away(Fault::unavailable);
  EXPECT_EQ(away.operation.outcome, Outcome::failed);
  EXPECT_EQ(away.cluster.machines.containers(), 0u);
}

TEST(Commit, ResumeFinishesEitherWay) {
  for (const Fault fault : {Fault::lost_request, Fault::lost_reply}) {
    Away away(fault);
    const auto resumed = away.cluster.resume(away.operation.id);
    ASSERT_TRUE(resumed);
    EXPECT_EQ(resumed->outcome, Outcome::committed);
    EXPECT_EQ(resumed->attempt, 2u);
    EXPECT_EQ(away.cluster.commits.all.size(), 1u);
    EXPECT_EQ(away.cluster.machines.running(), "web");
  }
}

TEST(Commit, AbortFencesWhatMayStillArrive) {
  Away away(Fault::lost_request);
  const auto aborted = away.cluster.abort(away.operation.id);
  ASSERT_TRUE(aborted) << aborted.error().line();
  EXPECT_EQ(aborted->outcome, Outcome::aborted);
  EXPECT_EQ(away.cluster.machines.containers(), 0u);
  // The lost message arrives late: the fence has taken its place.
  EXPECT_EQ(away.cluster.commits.append(kShop, 0, encode(*away.operation.plan.commit)).error().code,
            Code::conflict);
  const Commit fence = *decode_commit(away.cluster.commits.all.back().bytes);
  EXPECT_EQ(fence.kind, CommitKind::fence);
  EXPECT_TRUE(fence.removed);
  EXPECT_EQ(away.cluster.run(deploy_web())->outcome, Outcome::committed);
}

TEST(Commit, AFenceRepeatsItsParent) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  const Commit parent = *decode_commit(cluster.commits.all.back().bytes);
  cluster.commits.faults.planned = {Fault::lost_request};
  cluster.commits.faults.otherwise = Fault::unavailable;
  const auto operation = cluster.run(deploy_web("shop/web:2"));
  ASSERT_EQ(operation->outcome, Outcome::interrupted);
  cluster.commits.faults = {};
  EXPECT_EQ(cluster.abort(operation->id)->outcome, Outcome::aborted);
  const Commit fence = *decode_commit(cluster.commits.all.back().bytes);
  EXPECT_EQ(fence.services, parent.services);
  EXPECT_EQ(fence.manifest_digest, parent.manifest_digest);
  EXPECT_EQ(fence.parent_sequence, 1u);
  EXPECT_NE(fence.id, parent.id);
  EXPECT_EQ(cluster.run(deploy_web())->outcome, Outcome::unchanged);
}

TEST(Commit, AnAbortOfWhatWasCommittedFinishesItAndSaysSo) {
  Away away(Fault::lost_reply);
  const auto aborted = away.cluster.abort(away.operation.id);
  ASSERT_FALSE(aborted);
  EXPECT_EQ(aborted.error().code, Code::precondition);
  EXPECT_THAT(aborted.error().message, HasSubstr("is committed, and was finished"));
  EXPECT_EQ(away.cluster.only_operation().outcome, Outcome::committed);
}

TEST(Commit, TheNextCommandSettlesIt) {
  for (const Fault fault : {Fault::lost_request, Fault::lost_reply}) {
    Away away(fault);
    const auto next = away.cluster.run(deploy_web("shop/web:2"));
    ASSERT_TRUE(next) << next.error().line();
    EXPECT_EQ(next->outcome, Outcome::committed);
    EXPECT_EQ(away.cluster.machines.containers(), 1u);
    EXPECT_EQ(away.cluster.engine->operation(away.operation.id)->outcome,
              fault == Fault::lost_reply ? Outcome::committed : Outcome::failed);
  }
}

TEST(Journal, AnUnknownWriteIsReadBack) {
  for (int nth = 0; nth < 6; ++nth) {
    for (const Fault fault : {Fault::lost_request, Fault::lost_reply, Fault::unavailable}) {
      Cluster cluster;
      cluster.records.faults.planned.assign(static_cast<size_t>(nth), Fault::none);
      cluster.records.faults.planned.push_back(fault);
      const auto operation = cluster.run(deploy_web());
      ASSERT_TRUE(operation);
      EXPECT_EQ(operation->outcome, Outcome::committed) << nth;
      EXPECT_EQ(cluster.only_operation().outcome, Outcome::committed) << nth;
    }
  }
}

TEST(Journal, GoneBeforeTheCommitInterruptsAndUndoesNothing) {
  for (size_t nth = 1; nth < 4; ++nth) {
    Cluster cluster;
    cluster.records.faults.planned.assign(nth, Fault::none);
    cluster.records.faults.otherwise = Fault::lost_request;
    const auto operation = cluster.run(deploy_web());
    ASSERT_TRUE(operation);
    EXPECT_EQ(operation->outcome, Outcome::interrupted) << nth;
    EXPECT_TRUE(cluster.commits.all.empty()) << nth;
    cluster.records.faults = {};
    EXPECT_EQ(cluster.run(deploy_web("shop/web:2"))->outcome, Outcome::committed) << nth;
    EXPECT_EQ(cluster.machines.containers(), 1u) << nth;
  }
}

TEST(Journal, GoneAtTheStartRecordsNothing) {
  Cluster cluster;
  cluster.records.faults.otherwise = Fault::unavailable;
  EXPECT_EQ(cluster.run(deploy_web()).error().code, Code::unavailable);
  EXPECT_EQ(cluster.machines.containers(), 0u);
}

}  // namespace
}  // namespace ployz

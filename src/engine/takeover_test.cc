// A coordinator that dies at any moment: what it left is undone or finished by the next command,
// by resume or by abort.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using ployz::testing::Cluster;
using ployz::testing::deploy_web;
using ::testing::HasSubstr;

struct Killed {};

// Runs web:2 over web:1 and kills the coordinator at the n-th of: every journal write (after it
// happened), every line of the machines' log (before it happens). False: it ended before.
bool kill_at(Cluster& cluster, int nth) {
  int count = 0;
  const auto strike = [&] {
    if (++count == nth) throw Killed{};
  };
  cluster.records.on_operation = [&](const std::string&) { strike(); };
  cluster.machines.fault = [&](const std::string&) -> std::optional<Error> {
    strike();
    return std::nullopt;
  };
  cluster.commits.before_append = strike;
  bool killed = false;
  try {
    (void)cluster.run(deploy_web("shop/web:2"));
  } catch (const Killed&) {
    killed = true;
  }
  cluster.records.on_operation = nullptr;
  cluster.machines.fault = nullptr;
  cluster.commits.before_append = nullptr;
  cluster.restart();
  return killed;
}

using Settle = std::function<void(Cluster&, bool committed)>;

// Kills everywhere, settles, and checks that exactly what is committed runs.
void everywhere(const Settle& settle) {
  int nth = 1;
  for (;; ++nth) {
    Cluster cluster;
    ASSERT_TRUE(cluster.run(deploy_web()));
    if (!kill_at(cluster, nth)) break;
    EXPECT_EQ(cluster.only_operation().outcome, cluster.engine->operations(10)->size() == 1
                                                    ? Outcome::committed
                                                    : cluster.only_operation().outcome);
    settle(cluster, cluster.commits.all.size() == 2);
    SCOPED_TRACE(nth);
    const Commit newest = *decode_commit(cluster.commits.all.back().bytes);
    ASSERT_EQ(cluster.machines.containers(), 1u);
    const auto& left = cluster.machines.machines.begin()->second.instances[0];
    EXPECT_EQ(left.id, newest.services[0].instances[0].id);
    EXPECT_EQ(left.state, InstanceState::running);
    EXPECT_TRUE(cluster.only_operation().ended());
    // Killed after the last journal write: the lease is left, but names what has ended.
    const auto leases = *cluster.records.list(Bucket::leases);
    if (!leases.empty()) {
      EXPECT_THAT(leases[0].value, HasSubstr(cluster.only_operation().id.str()));
    }
  }
  EXPECT_GT(nth, 12) << "killed at every journal write and every step";
}

TEST(Takeover, TheNextCommandSettles) {
  everywhere([](Cluster& cluster, bool) {
    const auto next = cluster.run(deploy_web("shop/web:2"));
    ASSERT_TRUE(next) << next.error().line();
    EXPECT_THAT(next->outcome, ::testing::AnyOf(Outcome::committed, Outcome::unchanged));
  });
}

TEST(Takeover, ResumeGoesOn) {
  everywhere([](Cluster& cluster, bool) {
    const auto all = *cluster.engine->operations(10);
    if (all.size() == 1) {
      // Killed before it was recorded: nothing to resume, but a lease that names nothing.
      ASSERT_TRUE(cluster.run(deploy_web("shop/web:2")));
      return;
    }
    const auto resumed = cluster.resume(all[0].id);
    ASSERT_TRUE(resumed) << resumed.error().line();
    EXPECT_EQ(resumed->outcome, Outcome::committed);
    EXPECT_EQ(cluster.commits.all.size(), 2u);
  });
}

TEST(Takeover, AbortUndoesUnlessCommitted) {
  everywhere([](Cluster& cluster, bool committed) {
    const auto all = *cluster.engine->operations(10);
    if (all.size() == 1) {
      ASSERT_TRUE(cluster.run(deploy_web("shop/web:2")));
      return;
    }
    const auto aborted = cluster.abort(all[0].id);
    if (!committed) {
      ASSERT_TRUE(aborted) << aborted.error().line();
      EXPECT_EQ(aborted->outcome, Outcome::aborted);
    } else if (!aborted) {
      EXPECT_EQ(aborted.error().code, Code::precondition);
      ASSERT_TRUE(cluster.resume(all[0].id));
    }
  });
}

TEST(Takeover, ALeaseOfAnotherMachineIsRespectedUntilItExpires) {
  Cluster cluster(2);
  ASSERT_TRUE(cluster.run(deploy_web()));
  ASSERT_TRUE(kill_at(cluster, 4));
  cluster.config.self = MachineId("machine-2");
  cluster.restart();
  const auto busy = cluster.run(deploy_web("shop/web:2"));
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Code::conflict);
  const OperationId id = cluster.only_operation().id;
  EXPECT_EQ(cluster.only_operation().outcome, Outcome::running);
  EXPECT_EQ(cluster.abort(id).error().code, Code::conflict);
  cluster.clock.now_ms += 16'000;
  EXPECT_EQ(cluster.only_operation().outcome, Outcome::interrupted);
  EXPECT_EQ(cluster.engine->operation(id)->outcome, Outcome::interrupted);
  EXPECT_EQ(cluster.run(deploy_web("shop/web:2"))->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.containers(), 1u);
  EXPECT_EQ(cluster.engine->operation(id)->outcome, Outcome::failed);
}

// Found by the simulation (seed 1098): a dead coordinator's lease bound everybody else for as long
// as its clock had been ahead.
TEST(Takeover, ALeaseThatNobodyRenewsEndsWhateverItsClockSaid) {
  Cluster cluster(2);
  ASSERT_TRUE(cluster.run(deploy_web()));
  cluster.clock.now_ms += 600'000;
  ASSERT_TRUE(kill_at(cluster, 4));
  cluster.clock.now_ms -= 600'000;
  cluster.config.self = MachineId("machine-2");
  cluster.restart();
  EXPECT_EQ(cluster.run(deploy_web("shop/web:2")).error().code, Code::conflict);
  cluster.clock.now_ms += 14'000;
  EXPECT_EQ(cluster.run(deploy_web("shop/web:2")).error().code, Code::conflict);
  cluster.clock.now_ms += 2'000;
  EXPECT_EQ(cluster.only_operation().outcome, Outcome::interrupted);
  EXPECT_EQ(cluster.run(deploy_web("shop/web:2"))->outcome, Outcome::committed);
}

TEST(Takeover, WhoWasReplacedChangesNothingAnyMore) {
  Cluster cluster(2);
  ASSERT_TRUE(cluster.run(deploy_web()));
  cluster.take_log();
  EngineConfig config = cluster.config;
  config.self = MachineId("machine-2");
  Engine other(config, cluster.ports());
  std::optional<Result<Operation>> taken;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (taken || !line.starts_with("apply await_ready")) return std::nullopt;
    // The first coordinator hangs longer than its lease.
    cluster.clock.now_ms += 60'000;
    taken.emplace(other.abort(cluster.only_operation().id, {}));
    cluster.take_log();
    return std::nullopt;
  };
  const auto replaced = cluster.run(deploy_web("shop/web:2"));
  ASSERT_TRUE(*taken);
  EXPECT_EQ((*taken)->outcome, Outcome::aborted);
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->outcome, Outcome::interrupted);
  EXPECT_THAT(replaced->error->message, HasSubstr("taken over"));
  EXPECT_EQ(cluster.take_log(), "apply await_ready machine-1\n") << "which was on its way";
  EXPECT_EQ(cluster.commits.all.size(), 1u);
  EXPECT_EQ(cluster.machines.containers(), 1u);
  EXPECT_EQ(cluster.only_operation().outcome, Outcome::aborted);
}

// Killed after its append, whose journal entry says no more than `commit`.
OperationId kill_behind_the_append(Cluster& cluster) {
  cluster.commits.faults.planned = {ployz::testing::Fault::lost_reply};
  cluster.commits.after_append = [] { throw Killed{}; };
  EXPECT_THROW((void)cluster.run(deploy_web("shop/web:2")), Killed);
  cluster.restart();
  EXPECT_EQ(cluster.commits.all.size(), 2u);
  return cluster.only_operation().id;
}

// Found by the simulation (seed 13432): the cancel of a resume undid what was committed.
TEST(Takeover, CancelingAResumeDoesNotUndoWhatIsCommitted) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  const OperationId id = kill_behind_the_append(cluster);
  std::stop_source cancel;
  cancel.request_stop();
  const auto resumed = cluster.engine->resume(id, cluster.sink(), cancel.get_token());
  ASSERT_TRUE(resumed) << resumed.error().line();
  EXPECT_THAT(resumed->outcome,
              ::testing::AnyOf(Outcome::committed, Outcome::committed_cleanup_pending));
  EXPECT_EQ(resumed->committed_sequence, 2u);
  EXPECT_EQ(cluster.resume(id)->outcome, Outcome::committed);
  EXPECT_EQ(cluster.machines.containers(), 1u);
}

TEST(Takeover, CancelingAResumeUndoesWhatIsNotCommitted) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  cluster.commits.before_append = [] { throw Killed{}; };
  EXPECT_THROW((void)cluster.run(deploy_web("shop/web:2")), Killed);
  cluster.restart();
  std::stop_source cancel;
  cancel.request_stop();
  const auto resumed =
      cluster.engine->resume(cluster.only_operation().id, cluster.sink(), cancel.get_token());
  ASSERT_TRUE(resumed) << resumed.error().line();
  EXPECT_EQ(resumed->outcome, Outcome::aborted);
  EXPECT_EQ(cluster.machines.containers(), 1u);
  EXPECT_EQ(decode_commit(cluster.commits.all.back().bytes)->kind, CommitKind::fence);
}

// Found by the simulation (seed 7384): who took over did not know the machines, and named one by
// id.
TEST(Takeover, NobodyTakesOverWithoutKnowingTheMachines) {
  Cluster cluster;
  ASSERT_TRUE(cluster.run(deploy_web()));
  const OperationId id = kill_behind_the_append(cluster);
  cluster.records.list_fails = Bucket::machines;
  EXPECT_EQ(cluster.resume(id).error().code, Code::unavailable);
  EXPECT_EQ(cluster.engine->operation(id)->attempt, 1u);
  cluster.records.list_fails.reset();
  EXPECT_EQ(cluster.resume(id)->outcome, Outcome::committed);
}

TEST(Takeover, ResumeChecksThatWhatWasStartedStillRuns) {
  Cluster cluster;
  // After the wave of run_instance: probe, image and run lines, writes of lock, run and prepare.
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (line.starts_with("apply prepare_routes")) throw Killed{};
    return std::nullopt;
  };
  EXPECT_THROW((void)cluster.run(deploy_web()), Killed);
  cluster.machines.fault = nullptr;
  cluster.restart();
  cluster.machines.machines.begin()->second.instances[0].state = InstanceState::exited;
  const auto resumed = cluster.resume(cluster.only_operation().id);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->outcome, Outcome::failed);
  EXPECT_THAT(resumed->error->message, HasSubstr("does not run any more"));
  EXPECT_EQ(cluster.machines.containers(), 0u);
}

TEST(Takeover, OfNothing) {
  Cluster cluster;
  EXPECT_EQ(cluster.resume(OperationId("none")).error().code, Code::not_found);
  EXPECT_EQ(cluster.abort(OperationId("none")).error().code, Code::not_found);
  EXPECT_EQ(cluster.engine->operation(OperationId("none")).error().code, Code::not_found);
}

}  // namespace
}  // namespace ployz

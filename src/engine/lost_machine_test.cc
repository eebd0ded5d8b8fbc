// A machine that is lost before any one of the calls of an operation: in plan, probe, apply, flip
// or cleanup. It comes back, or never does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using ployz::testing::Cluster;
using ployz::testing::deploy_web;
using ::testing::AnyOf;
using ::testing::HasSubstr;

const MachineId kLost("machine-2");

// Two instances of web:1, one on each machine, and then web:2 with the second machine lost before
// the n-th call. Nullopt: it ended before.
std::optional<Result<Operation>> lose_at(Cluster& cluster, int nth) {
  EXPECT_TRUE(cluster.run(deploy_web("shop/web:1", 2)));
  EXPECT_EQ(cluster.machines.running("machine-1"), "web");
  EXPECT_EQ(cluster.machines.running("machine-2"), "web");
  if (nth == 0) cluster.machines.silent.insert(kLost);
  int count = 0;
  cluster.machines.fault = [&](const std::string& line) -> std::optional<Error> {
    if (++count == nth) cluster.machines.silent.insert(kLost);
    if (!cluster.machines.silent.contains(kLost) || !line.ends_with(kLost.str())) {
      return std::nullopt;
    }
    return Error{Code::timeout, Effect::unknown, "no answer", "", {}};
  };
  auto result = cluster.run(deploy_web("shop/web:2", 2));
  cluster.machines.fault = nullptr;
  if (nth > count) return std::nullopt;
  return result;
}

std::string told(const Result<Operation>& result) {
  if (!result) return result.error().line();
  std::string text = result->error ? result->error->line() : "";
  for (const std::string& name : result->unconfirmed) text += " " + name;
  return text;
}

using Then = std::function<void(Cluster&)>;

void in_every_phase(const Then& then) {
  std::set<std::string> outcomes;
  int nth = 0;
  for (;; ++nth) {
    SCOPED_TRACE(nth);
    Cluster cluster(2);
    const auto result = lose_at(cluster, nth);
    if (!result) break;
    const bool committed = cluster.commits.all.size() == 2;
    EXPECT_TRUE(committed || cluster.commits.all.size() == 1);
    outcomes.emplace(*result ? to_string((*result)->outcome) : "not begun");
    const bool clean = *result && (*result)->outcome == Outcome::committed;
    if (!clean) {
      EXPECT_THAT(told(*result), HasSubstr("m2"));
    }
    if (*result && (*result)->ended() && (*result)->outcome != Outcome::committed) {
      EXPECT_FALSE(committed);
    }
    // Nothing is queued for it: the next command is refused, and says why.
    const auto refused = cluster.run(deploy_web("shop/db:1", 2));
    EXPECT_THAT(told(refused), HasSubstr("m2"));
    then(cluster);
    const auto settled = cluster.run(deploy_web("shop/web:2", 2));
    ASSERT_TRUE(settled) << settled.error().line();
    EXPECT_THAT(settled->outcome, AnyOf(Outcome::committed, Outcome::unchanged)) << told(settled);
    EXPECT_EQ(cluster.machines.containers(), 2u);
  }
  EXPECT_GT(nth, 10);
  EXPECT_THAT(outcomes, ::testing::IsSupersetOf(
                            {"not begun", "refused", "interrupted", "committed_cleanup_pending"}));
}

TEST(LostMachine, ComesBack) {
  in_every_phase([](Cluster& cluster) { cluster.machines.silent.clear(); });
}

TEST(LostMachine, NeverComesBackAndIsRemoved) {
  in_every_phase([](Cluster& cluster) {
    const auto record = *cluster.records.get(Bucket::machines, kLost.str());
    ASSERT_TRUE(record);
    ASSERT_TRUE(cluster.records.remove(Bucket::machines, record->key, record->revision));
    cluster.machines.machines.erase(kLost);
  });
}

TEST(LostMachine, TakesNoPartWhereNothingOfItIsNeeded) {
  Cluster cluster(2);
  cluster.machines.silent.insert(kLost);
  const auto deployed = cluster.run(deploy_web("shop/web:1", 2));
  ASSERT_TRUE(deployed) << deployed.error().line();
  EXPECT_EQ(deployed->outcome, Outcome::committed);
  EXPECT_EQ(deployed->unconfirmed, std::vector<std::string>{"m2"});
  EXPECT_EQ(cluster.machines.running("machine-1"), "web web");
}

}  // namespace
}  // namespace ployz

#include "router/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ports/router_status.h"
#include "router/testing_ports.h"

namespace ployz {
namespace {

using testing::HasSubstr;

TEST(Router, ShowsNothingBeforeTheLogIsCompletelyRead) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 5));
  world.gateway.expect_quiet();
  router->on_caught_up();
  EXPECT_TRUE(flip(*router, "shop", 5));
  EXPECT_EQ(world.gateway.sequence("shop"), 5u);
  EXPECT_TRUE(world.dns.shown.contains("web.shop"));
}

TEST(Router, TellsWhatIsServedAndWhatIsInTheWay) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 5));
  const auto status = [&] {
    const auto answer = router->handle("status", Json::object());
    return answer ? router_status_from_json(*answer) : Result<RouterStatus>(fail(answer.error()));
  };
  ASSERT_TRUE(status());
  EXPECT_FALSE(status()->reads_the_store);
  router->on_caught_up();
  ASSERT_TRUE(flip(*router, "shop", 5));
  const NamespaceName shop("shop");
  EXPECT_TRUE(status()->reads_the_store);
  EXPECT_FALSE(status()->version.empty());
  EXPECT_EQ(status()->gateway.at(shop), 5u);
  EXPECT_EQ(status()->dns.at(shop), 5u);
  EXPECT_EQ(status()->gateway_error, "");
  RouterStatus all{"1", true, {{shop, 3}}, {{shop, 2}}, "gone", "away", {{shop, "no slot"}}};
  EXPECT_EQ(router_status_from_json(to_json(all)), all);
}

TEST(Router, AwaitsTheServersOfTheNewestCommit) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 5));
  router->on_commit(stored(commit("blog", "op2", {"10.0.0.9"}), 6));
  router->on_caught_up();
  ASSERT_TRUE(flip(*router, "shop", 5));
  const NamespaceName shop("shop");
  ASSERT_TRUE(step(*router, "op3", AwaitRoutes{shop, std::chrono::milliseconds(0)}));
  EXPECT_THAT(world.gateway.awaited, testing::IsEmpty());
  ASSERT_TRUE(step(*router, "op3", AwaitRoutes{shop, std::chrono::seconds(1)}));
  EXPECT_THAT(world.gateway.awaited, testing::ElementsAre("10.0.0.2:8080"));
  // One that stays down is the health checks' business: an undo must not hang on it.
  world.gateway.dead.insert("10.0.0.2:8080");
  EXPECT_TRUE(step(*router, "op4", AwaitRoutes{shop, std::chrono::seconds(1)}));
}

TEST(Router, ServesTheCacheWithoutTheStore) {
  World world;
  world.cache.saved[NamespaceName("shop")] = {4, commit("shop", "op1", {"10.0.0.2"})};
  auto router = world.start();
  EXPECT_EQ(world.gateway.sequence("shop"), 4u);
}

TEST(Router, ACacheOlderThanTheGatewayIsNotShown) {
  World world;
  world.cache.saved[NamespaceName("shop")] = {4, commit("shop", "op1", {"10.0.0.2"})};
  world.gateway.table.sequences[NamespaceName("shop")] = 6;
  auto router = world.start();
  EXPECT_EQ(world.gateway.sequence("shop"), 6u);
}

TEST(Router, NamespacesTheLogDoesNotKnowAreGone) {
  World world;
  world.cache.saved[NamespaceName("old")] = {4, commit("old", "op1", {"10.0.0.2"})};
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op2", {"10.0.0.3"}), 1));
  router->on_caught_up();
  ASSERT_TRUE(flip(*router, "shop", 1));
  world.gateway.wait([&] { return !world.gateway.table.sequences.contains(NamespaceName("old")); });
}

TEST(Router, GarbageAndOldCommitsChangeNothing) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 5));
  router->on_commit({6, NamespaceName("shop"), "{garbage"});
  router->on_commit(stored(commit("other", "op1", {"10.0.0.9"}), 3));
  StoredCommit misplaced = stored(commit("other", "op1", {"10.0.0.9"}), 8);
  misplaced.name_space = NamespaceName("shop");
  router->on_commit(misplaced);
  router->on_commit(stored(commit("shop", "op0", {"10.0.0.1"}), 2));
  router->on_caught_up();
  ASSERT_TRUE(flip(*router, "shop", 5));
  EXPECT_EQ(world.gateway.sequence("shop"), 5u);
}

TEST(Router, APreparedCandidateNeedsNothingButTheSwitch) {
  World world;
  auto router = world.start();
  router->on_caught_up();
  const Commit candidate = commit("shop", "op1", {"10.0.0.2"});
  ASSERT_TRUE(prepare(*router, candidate));
  const size_t ensured = world.gateway.added;
  router->on_commit(stored(candidate, 1));
  ASSERT_TRUE(flip(*router, "shop", 1));
  EXPECT_EQ(world.gateway.added, ensured);
  EXPECT_TRUE(prepare(*router, candidate));  // late repetition
}

TEST(Router, ADeadServerRefusesTheCandidateButNotTheCommit) {
  World world;
  world.gateway.dead.insert("10.0.0.2:8080");
  auto router = world.start();
  router->on_caught_up();
  const Commit candidate = commit("shop", "op1", {"10.0.0.2"});
  const auto prepared = prepare(*router, candidate);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Code::precondition);
  EXPECT_TRUE(world.gateway.taken.empty());
  router->on_commit(stored(candidate, 1));
  EXPECT_TRUE(flip(*router, "shop", 1));
}

TEST(Router, DiscardGivesBackAndRefusesALatePrepare) {
  World world;
  auto router = world.start();
  router->on_caught_up();
  const Commit candidate = commit("shop", "op1", {"10.0.0.2"});
  ASSERT_TRUE(discard(*router, "never"));
  ASSERT_TRUE(prepare(*router, candidate));
  EXPECT_EQ(world.gateway.taken.size(), 1u);
  ASSERT_TRUE(discard(*router, "op1"));
  ASSERT_TRUE(discard(*router, "op1"));
  EXPECT_TRUE(world.gateway.taken.empty());
  const auto late = prepare(*router, candidate);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::conflict);
}

// Found by the simulator (seed 516): a fence, or the winner's commit, arrives before the discard.
TEST(Router, DiscardGivesBackWhatALaterCommitHasUnpinned) {
  World world;
  auto router = world.start();
  router->on_caught_up();
  ASSERT_TRUE(prepare(*router, commit("shop", "loser", {"10.0.0.2"})));
  router->on_commit(stored(commit("shop", "winner", {"10.0.0.3"}), 1));
  ASSERT_TRUE(flip(*router, "shop", 1));
  ASSERT_TRUE(discard(*router, "loser"));
  EXPECT_EQ(world.gateway.servers(), std::set<std::string>{"10.0.0.3:8080"});
}

TEST(Router, DiscardLeavesWhatIsServed) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 1));
  router->on_caught_up();
  ASSERT_TRUE(flip(*router, "shop", 1));
  Commit same = commit("shop", "op2", {"10.0.0.2"});
  same.parent_sequence = 1;
  ASSERT_TRUE(prepare(*router, same));
  ASSERT_TRUE(discard(*router, "op2"));
  EXPECT_EQ(world.gateway.taken.size(), 1u);
}

TEST(Router, ACandidateForAnOlderParentIsRefused) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 7));
  router->on_caught_up();
  Commit late = commit("shop", "op2", {"10.0.0.3"});
  late.parent_sequence = 6;
  const auto prepared = prepare(*router, late);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Code::conflict);
}

TEST(Router, DrainRetiresTheOldAndKeepsThePrepared) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 1));
  router->on_caught_up();
  Commit next = commit("shop", "op2", {"10.0.0.3"});
  next.parent_sequence = 1;
  ASSERT_TRUE(prepare(*router, next));
  router->on_commit(stored(next, 2));
  Commit third = commit("shop", "op3", {"10.0.0.4"});
  third.parent_sequence = 2;
  ASSERT_TRUE(prepare(*router, third));
  ASSERT_TRUE(drain(*router, "op2", "shop"));
  EXPECT_EQ(world.gateway.servers(), (std::set<std::string>{"10.0.0.3:8080", "10.0.0.4:8080"}));
}

TEST(Router, AFullGatewayHoldsBackOneNamespaceOnly) {
  World world;
  auto router = world.start();
  router->on_commit(stored(commit("a", "op1", {"10.0.0.2"}), 1));
  router->on_caught_up();
  ASSERT_TRUE(flip(*router, "a", 1));
  world.gateway.capacity = 2;
  Commit big = commit("b", "op2", {"10.0.0.3"});
  big.services.push_back(big.services[0]);
  big.services[1].service.name = ServiceName("web2");
  router->on_commit(stored(big, 2));
  router->on_commit(stored(commit("c", "op3", {"10.0.0.5"}), 3));
  ASSERT_TRUE(flip(*router, "c", 3));
  EXPECT_EQ(world.gateway.sequence("a"), 1u);
  const auto held = flip(*router, "b", 2);
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::timeout);
  EXPECT_THAT(held.error().message, HasSubstr("no free slot"));
}

TEST(Router, ADeadGatewayIsNamedAndTriedAgain) {
  World world;
  world.gateway.down = true;
  auto router = world.start();
  router->on_commit(stored(commit("shop", "op1", {"10.0.0.2"}), 1));
  router->on_caught_up();
  const auto waiting = flip(*router, "shop", 1);
  ASSERT_FALSE(waiting);
  world.gateway.down = false;
  EXPECT_TRUE(flip(*router, "shop", 1));
}

TEST(Router, AFlipThatDidNotArriveSaysSo) {
  World world;
  auto router = world.start();
  router->on_caught_up();
  const auto waiting = flip(*router, "shop", 9);
  ASSERT_FALSE(waiting);
  EXPECT_THAT(waiting.error().message, HasSubstr("commit 9 of shop has not arrived"));
}

TEST(Router, AReplacedAttemptIsRefused) {
  World world;
  auto router = world.start();
  router->on_caught_up();
  const Commit candidate = commit("shop", "op1", {"10.0.0.2"});
  ASSERT_TRUE(prepare(*router, candidate, 2));
  const auto old = prepare(*router, candidate, 1);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, Code::conflict);
}

}  // namespace
}  // namespace ployz

// What every implementation of Gateway promises. The factory yields a world (gateway_world.h).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "contract/gateway_world.h"
#include "ports/gateway.h"

namespace ployz::contract {

class GatewayContract : public testing::TestWithParam<std::unique_ptr<GatewayWorld> (*)()> {
 protected:
  void SetUp() override {
    world_ = GetParam()();
    ASSERT_TRUE(world_);
  }
  Gateway& gateway() { return world_->gateway(); }
  Backend ensured(const std::string& name, const std::string& generation = "g1") {
    const Backend backend =
        backend_of(name, {world_->start_server(name + generation)}, BackendMode::http, generation);
    const Status status = gateway().ensure_backends({backend}, kPatience);
    EXPECT_TRUE(status) << status.error().line();
    return backend;
  }
  void commit(const RouteTable& table) {
    const Status status = gateway().commit_routes(table);
    ASSERT_TRUE(status) << status.error().line();
  }
  std::unique_ptr<GatewayWorld> world_;
};

TEST_P(GatewayContract, EnsuringIsRepeatableAndSorted) {
  const Backend web = ensured("web");
  const Backend api = ensured("api");
  ASSERT_TRUE(gateway().ensure_backends({web, api}, kPatience));
  const auto taken = gateway().backends();
  ASSERT_TRUE(taken);
  EXPECT_THAT(*taken, testing::ElementsAre(api, web));
}

TEST_P(GatewayContract, ADeadServerIsNamedAndNothingStays) {
  const std::string dead = world_->dead_address();
  const Backend good = backend_of("web", {world_->start_server("web")});
  const Backend bad = backend_of("api", {dead});
  const Status status = gateway().ensure_backends({good, bad}, kShort);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::precondition);
  EXPECT_THAT(status.error().message, testing::HasSubstr(dead));
  EXPECT_THAT(*gateway().backends(), testing::IsEmpty());
  EXPECT_TRUE(gateway().ensure_backends({good}, kPatience));
}

TEST_P(GatewayContract, AwaitingNamesTheServerThatIsDown) {
  const std::string dead = world_->dead_address();
  const Backend bad = backend_of("api", {dead});
  const Backend good = ensured("web");
  ASSERT_TRUE(gateway().ensure_backends({bad}, std::chrono::milliseconds(0)));
  EXPECT_TRUE(gateway().await_backends({good.key, backend_of("gone", {dead}).key}, kPatience));
  const Status status = gateway().await_backends({good.key, bad.key}, kShort);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::precondition);
  EXPECT_THAT(status.error().message, testing::HasSubstr(dead));
}

TEST_P(GatewayContract, WithoutATimeoutServersAreTakenUnseen) {
  const Backend bad = backend_of("web", {world_->dead_address()});
  ASSERT_TRUE(gateway().ensure_backends({bad}, std::chrono::milliseconds(0)));
  commit(table_of({{"shop.example.com", "/", bad.key}}));
  EXPECT_EQ(world_->get("shop.example.com", "/"), "");
}

TEST_P(GatewayContract, ACommitSwitchesAndCanBeRepeated) {
  const Backend old = ensured("web", "g1");
  const RouteTable before = table_of({{"shop.example.com", "/", old.key}}, 1);
  commit(before);
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg1");
  const Backend fresh = ensured("web", "g2");
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg1");
  const RouteTable after = table_of({{"shop.example.com", "/", fresh.key}}, 2);
  commit(after);
  commit(after);
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg2");
  EXPECT_EQ(*gateway().routes(), after);
  commit(table_of({}, 3));
  EXPECT_EQ(world_->get("shop.example.com", "/"), "");
}

TEST_P(GatewayContract, ARouteToWhatIsNotEnsuredIsRefusedAndChangesNothing) {
  const Backend web = ensured("web");
  commit(table_of({{"shop.example.com", "/", web.key}}));
  const Status status = gateway().commit_routes(
      table_of({{"shop.example.com", "/", backend_of("other", {}).key}}, 2));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::precondition);
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg1");
  EXPECT_EQ(gateway().routes()->sequences.at(NamespaceName("shop")), 1u);
}

TEST_P(GatewayContract, TheLongestPrefixOfTheMostExactHostWins) {
  const Backend root = ensured("root");
  const Backend api = ensured("api");
  const Backend wild = ensured("wild");
  const Backend any = ensured("any");
  commit(table_of({{"shop.example.com", "/", root.key},
                   {"shop.example.com", "/api", api.key},
                   {"*.example.com", "/", wild.key},
                   {"*", "/", any.key}}));
  EXPECT_EQ(world_->get("shop.example.com", "/"), "rootg1");
  EXPECT_EQ(world_->get("shop.example.com", "/api"), "apig1");
  EXPECT_EQ(world_->get("shop.example.com", "/api/v1?x=/"), "apig1");
  EXPECT_EQ(world_->get("shop.example.com", "/apix"), "rootg1");
  EXPECT_EQ(world_->get("SHOP.example.com:8080", "/"), "rootg1");
  EXPECT_EQ(world_->get("other.example.com", "/api"), "wildg1");
  EXPECT_EQ(world_->get("a.b.example.com", "/"), "anyg1");
  EXPECT_EQ(world_->get("elsewhere.org", "/api"), "anyg1");
}

TEST_P(GatewayContract, RetiringForgetsWhatIsNotRouted) {
  const Backend old = ensured("web", "g1");
  const Backend fresh = ensured("web", "g2");
  commit(table_of({{"shop.example.com", "/", fresh.key}}));
  const Status refused = gateway().retire_backends({fresh.key}, kShort);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  ASSERT_TRUE(gateway().retire_backends({old.key, backend_of("absent", {}).key}, kShort));
  ASSERT_TRUE(gateway().retire_backends({old.key}, kShort));
  EXPECT_THAT(*gateway().backends(), testing::ElementsAre(fresh));
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg2");
  EXPECT_TRUE(gateway().ensure_backends({old}, kPatience));
}

TEST_P(GatewayContract, ANewDriverFindsWhatTheOldOneLeft) {
  const Backend web = ensured("web");
  const Backend prepared = ensured("prepared");
  const RouteTable table = table_of({{"shop.example.com", "/", web.key}});
  commit(table);
  world_->reopen();
  EXPECT_EQ(*gateway().routes(), table);
  EXPECT_THAT(*gateway().backends(), testing::ElementsAre(prepared, web));
  ASSERT_TRUE(gateway().retire_backends({prepared.key}, kShort));
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg1");
}

TEST_P(GatewayContract, ARestartedGatewayServesTheSame) {
  const Backend web = ensured("web");
  const Backend prepared = ensured("web", "g2");
  commit(table_of({{"shop.example.com", "/", web.key}}, 1));
  world_->restart();
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg1");
  commit(table_of({{"shop.example.com", "/", prepared.key}}, 2));
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg2");
  ASSERT_TRUE(gateway().retire_backends({web.key}, kShort));
  world_->restart();
  EXPECT_EQ(world_->get("shop.example.com", "/"), "webg2");
}

}  // namespace ployz::contract

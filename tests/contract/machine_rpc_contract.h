// What every implementation of MachineRpc promises (ports/machine_rpc.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "contract/machine_rpc_world.h"

namespace ployz::contract {

class MachineRpcContract : public testing::TestWithParam<std::unique_ptr<MachineRpcWorld> (*)()> {
 protected:
  static constexpr std::chrono::milliseconds kLong{20'000};
  static constexpr std::chrono::milliseconds kShort{300};

  void SetUp() override {
    world_ = GetParam()();
    ASSERT_TRUE(world_);
  }
  MachineRpcWorld& world() { return *world_; }
  std::unique_ptr<Subscription> serve(const std::string& machine, MachineRpc::Handler handler,
                                      Target target = Target::agent) {
    auto served =
        world_->server(machine, target).serve(MachineId(machine), target, std::move(handler));
    EXPECT_TRUE(served) << served.error().line();
    world_->settle();
    return served ? std::move(*served) : nullptr;
  }
  Result<Json> call(const std::string& machine, const std::string& command, const Json& request,
                    std::chrono::milliseconds timeout = kLong, Target target = Target::agent) {
    return world_->caller().call({MachineId(machine), target, command}, request, timeout);
  }
  static Result<Json> echo(const std::string& command, const Json& request) {
    return Json{{"command", command}, {"request", request}};
  }

 private:
  std::unique_ptr<MachineRpcWorld> world_;
};

TEST_P(MachineRpcContract, ACallReachesItsMachineTargetAndCommand) {
  const auto m1 = serve("m1", echo);
  const auto m2 = serve("m2", [](const auto&, const auto&) { return Json("m2"); });
  const auto router =
      serve("m2", [](const auto&, const auto&) { return Json("router"); }, Target::router);
  const auto reply = call("m1", "step", {{"a", 1}});
  ASSERT_TRUE(reply) << reply.error().line();
  EXPECT_EQ(*reply, (Json{{"command", "step"}, {"request", {{"a", 1}}}}));
  EXPECT_EQ(*call("m2", "step", nullptr), Json("m2"));
  EXPECT_EQ(*call("m2", "flip", nullptr, kLong, Target::router), Json("router"));
  EXPECT_EQ((*call("m1", "x", nullptr))["request"], Json());
}

TEST_P(MachineRpcContract, WhereNobodyListensIsUnavailableAtOnce) {
  const auto start = std::chrono::steady_clock::now();
  for (const Target target : {Target::agent, Target::router}) {
    const auto reply = call("m3", "step", {}, kLong, target);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::unavailable);
    EXPECT_EQ(reply.error().effect, Effect::none);
    EXPECT_TRUE(reply.error().message.contains("m3")) << reply.error().message;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  auto served = serve("m3", echo);
  EXPECT_TRUE(call("m3", "step", {}));
  served.reset();
  world().settle();
  EXPECT_EQ(call("m3", "step", {}).error().code, Code::unavailable);
}

TEST_P(MachineRpcContract, ErrorsOfHandlersCrossIntact) {
  const Error error{
      Code::precondition, Effect::unknown, "no image web:1", "push it", {{"image", "web:1"}}};
  const auto served =
      serve("m2", [&](const auto&, const auto&) -> Result<Json> { return std::unexpected(error); });
  const auto reply = call("m2", "step", {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), error);
}

TEST_P(MachineRpcContract, WhatAHandlerThrowsIsInternal) {
  const auto served = serve("m2", [](const std::string& command, const Json&) -> Result<Json> {
    if (command == "bad") throw std::runtime_error("boom");
    return Json(1);
  });
  const auto reply = call("m2", "bad", {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::internal);
  EXPECT_EQ(*call("m2", "good", {}), Json(1));
}

TEST_P(MachineRpcContract, WithoutAReplyTheEffectIsUnknownAndALateOneIsIgnored) {
  Gate gate(world(), 1000);
  const auto served = serve("m2", [&](const std::string& command, const Json&) -> Result<Json> {
    if (command == "slow") gate.pass();
    return Json(command);
  });
  const auto reply = call("m2", "slow", {}, kShort);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::timeout);
  EXPECT_EQ(reply.error().effect, Effect::unknown);
  gate.open();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(*call("m2", "quick", {}), Json("quick"));
}

TEST_P(MachineRpcContract, CallAllAnswersInOrder) {
  const auto m1 = serve("m1", [](const auto&, const Json& n) { return Json(n.get<int>() + 1000); });
  const auto m2 = serve("m2", [](const auto&, const Json& n) { return Json(n.get<int>() + 2000); });
  std::vector<MachineRpc::Call> calls;
  for (int i = 0; i < 100; ++i) {
    calls.push_back({{MachineId(i % 2 == 0 ? "m1" : "m2"), Target::agent, "n"}, Json(i)});
  }
  calls.push_back({{MachineId("m3"), Target::agent, "n"}, Json(0)});
  const auto results = world().caller().call_all(calls, kLong);
  ASSERT_EQ(results.size(), 101u);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(results[static_cast<size_t>(i)]);
    EXPECT_EQ(*results[static_cast<size_t>(i)], Json(i + (i % 2 == 0 ? 1000 : 2000)));
  }
  EXPECT_EQ(results.back().error().code, Code::unavailable);
  EXPECT_TRUE(world().caller().call_all({}, kLong).empty());
}

TEST_P(MachineRpcContract, ASilentMemberDoesNotHideTheOthers) {
  Gate gate(world(), 1000);
  const auto m1 = serve("m1", echo);
  const auto m2 = serve("m2", [&](const auto&, const auto&) {
    gate.pass();
    return Json();
  });
  const auto m3 = serve("m3", echo);
  std::vector<MachineRpc::Call> calls;
  for (const std::string machine : {"m1", "m2", "m3"}) {
    calls.push_back({{MachineId(machine), Target::agent, "facts"}, Json(machine)});
  }
  const auto results = world().caller().call_all(calls, std::chrono::milliseconds(1000));
  ASSERT_EQ(results.size(), 3u);
  EXPECT_TRUE(results[0]);
  ASSERT_FALSE(results[1]);
  EXPECT_EQ(results[1].error().code, Code::timeout);
  EXPECT_TRUE(results[1].error().message.contains("m2"));
  EXPECT_TRUE(results[2]);
  gate.open();
}

// Readiness of many instances is awaited at once, each in its own handler.
TEST_P(MachineRpcContract, SlowHandlersDoNotBlockEachOther) {
  constexpr int kCalls = 64;
  Gate gate(world(), kCalls);  // opens only when all of them run
  const auto served = serve("m2", [&](const auto&, const Json& n) -> Result<Json> {
    if (!gate.pass()) return fail(Code::internal, "the others never came");
    return n;
  });
  std::vector<MachineRpc::Call> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back({{MachineId("m2"), Target::agent, "await"}, Json(i)});
  }
  const auto results = world().caller().call_all(calls, std::chrono::milliseconds(60'000));
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(results[static_cast<size_t>(i)]) << results[static_cast<size_t>(i)].error().line();
    EXPECT_EQ(*results[static_cast<size_t>(i)], Json(i));
  }
}

TEST_P(MachineRpcContract, BigBodiesCross) {
  const Json request(std::string(world().big_request(), 'q'));
  const Json answer(std::string(7 << 20, 'a'));
  const auto served = serve("m2", [&](const auto&, const Json& body) -> Result<Json> {
    if (body != request) return fail(Code::internal, "it came damaged");
    return answer;
  });
  const auto reply = call("m2", "big", request);
  ASSERT_TRUE(reply) << reply.error().line();
  EXPECT_TRUE(*reply == answer);
}

// A handler may itself call: the coordinator is an agent too.
TEST_P(MachineRpcContract, HandlersMayCall) {
  const auto m2 = serve("m2", echo);
  const auto m1 = serve("m1", [&](const auto&, const auto&) { return call("m2", "inner", {}); });
  const auto reply = call("m1", "outer", {});
  ASSERT_TRUE(reply) << reply.error().line();
  EXPECT_EQ((*reply)["command"], "inner");
}

}  // namespace ployz::contract

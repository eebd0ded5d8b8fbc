#include "mesh/removal_inquiry.h"

#include <map>

#include <gtest/gtest.h>

namespace ployz {
namespace {

using std::chrono::milliseconds;

RemovalNotice notice(uint64_t at_ms) {
  return {OperationId("op"), at_ms, true};
}

TEST(AgreedRemoval, WhatAllWhoAnswerSay) {
  EXPECT_EQ(agreed_removal(3, {{3, notice(10)}}), notice(10));
  EXPECT_EQ(agreed_removal(3, {{3, notice(10)}, {4, notice(20)}, {3, notice(5)}}), notice(20));
}

TEST(AgreedRemoval, NobodySaysAnything) {
  EXPECT_EQ(agreed_removal(3, {}), std::nullopt);
}

TEST(AgreedRemoval, OneWhoErrsOrLiesSendsNobodyAwayWhileAnotherIsReached) {
  EXPECT_EQ(agreed_removal(3, {{3, notice(10)}, {3, std::nullopt}}), std::nullopt);
}

TEST(AgreedRemoval, WhoFollowsAFormerStoreIsNotHeard) {
  EXPECT_EQ(agreed_removal(3, {{2, notice(10)}}), std::nullopt);
  EXPECT_EQ(agreed_removal(3, {{2, std::nullopt}, {3, notice(10)}}), notice(10));
}

// Answers for each machine; the others are silent.
class Answering final : public MachineRpc {
 public:
  std::map<MachineId, Result<Json>> answers;
  std::vector<MachineId> asked;

  Result<Json> call(const RpcAddress& to, const Json&, milliseconds) override {
    EXPECT_EQ(to.command, kPeerRemoval);
    asked.push_back(to.machine);
    const auto found = answers.find(to.machine);
    return found == answers.end() ? fail(Code::unavailable, "silent") : found->second;
  }
  std::vector<Result<Json>> call_all(const std::vector<Call>& calls,
                                     milliseconds timeout) override {
    std::vector<Result<Json>> results;
    for (const Call& each : calls) results.push_back(call(each.to, each.request, timeout));
    return results;
  }
  Result<std::unique_ptr<Subscription>> serve(const MachineId&, Target, Handler) override {
    return fail(Code::unsupported, "nobody is served here");
  }
};

TEST(AskRemoval, AsksAllOthersAndHearsThoseWhoAnswer) {
  std::vector<Machine> members(4);
  for (size_t i = 0; i < members.size(); ++i) {
    members[i].id = MachineId(std::string("m") + std::to_string(i + 1));
  }
  Answering rpc;
  rpc.answers.emplace(MachineId("m1"), to_json(RemovalAnswer{1, notice(10)}));
  rpc.answers.emplace(MachineId("m3"), fail(Code::denied, "by a machine of before 0.3"));
  rpc.answers.emplace(MachineId("m4"), Json("nonsense"));
  EXPECT_EQ(ask_removal(rpc, members, MachineId("m2"), 1, milliseconds(10)), notice(10));
  EXPECT_EQ(rpc.asked, (std::vector{MachineId("m1"), MachineId("m3"), MachineId("m4")}));
}

}  // namespace
}  // namespace ployz

#include "drivers/nats/answers.h"

#include <gtest/gtest.h>

#include "drivers/nats/connection.h"

namespace ployz {
namespace {

NatsMessage saying(std::string data) {
  NatsMessage message;
  message.data = std::move(data);
  return message;
}

TEST(AnswersTest, WhoKnowsNoLeaderIsRecognized) {
  EXPECT_TRUE(knows_no_leader(saying(
      R"({"type":"io.nats.jetstream.api.v1.stream_info_response","error":{"code":503,"err_code":10008,)"
      R"("description":"JetStream system temporarily unavailable"}})")));
  EXPECT_FALSE(knows_no_leader(saying(R"({"error":{"code":404,"err_code":10059}})")));
  // What somebody stored under a stream, told by it.
  EXPECT_FALSE(knows_no_leader(saying(R"({"config":{"description":"\"err_code\":10008"}})")));
  EXPECT_FALSE(knows_no_leader(saying(std::string(4000, ' ') + R"("err_code":10008)")));
}

TEST(AnswersTest, WhatMayBeAskedAgain) {
  for (const char* subject : {"ployz.commit.shop", "$JS.ployz.API.$KV.leases.shop",
                              "$JS.ployz.API.STREAM.INFO.COMMITS", "$JS.ployz.API.STREAM.MSG.GET.COMMITS",
                              "$JS.ployz.API.CONSUMER.CREATE.COMMITS.name.ployz.commit.*"}) {
    EXPECT_TRUE(may_repeat(subject)) << subject;
    EXPECT_EQ(no_leader(subject).effect, Effect::none) << subject;
  }
  for (const char* subject : {"$JS.store.API.STREAM.UPDATE.COMMITS", "$JS.store.API.STREAM.SNAPSHOT.COMMITS",
                              "$JS.store.API.STREAM.RESTORE.COMMITS", "ployz.epoch", "ployz.rpc.m1.agent.ps"}) {
    EXPECT_FALSE(may_repeat(subject)) << subject;
    EXPECT_EQ(no_leader(subject).effect, Effect::unknown) << subject;
  }
  EXPECT_FALSE(asks_store("ployz.rpc.m1.agent.ps"));
}

TEST(AnswersTest, NobodyThereIsSaidInWords) {
  NatsMessage nobody;
  nobody.headers.emplace_back("Status", "503");
  const auto store = understood(nobody, "ployz.commit.shop");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::unavailable);
  EXPECT_EQ(store.error().effect, Effect::none);
  EXPECT_EQ(store.error().message, "the store cannot be reached");
  const auto machine = understood(nobody, "ployz.rpc.m1.agent.ps");
  ASSERT_FALSE(machine);
  EXPECT_TRUE(nobody_listens(machine.error()));
  EXPECT_TRUE(understood(saying("{}"), "ployz.commit.shop"));
}

TEST(AnswersTest, WhyThereIsNoAnswerIsSaidAsItIs) {
  const Result<NatsMessage> late = fail(no_answer(std::chrono::milliseconds(5000)));
  EXPECT_EQ(understood(late, "ployz.commit.shop").error().message,
            "the store gave no answer within 5000 ms");
  const Result<NatsMessage> lost = fail(Code::timeout, "the connection was lost", "", Effect::unknown);
  EXPECT_EQ(understood(lost, "ployz.commit.shop").error().message, "the connection was lost");
}

TEST(AnswersTest, ARestoreGoesWhereItIsTold) {
  const auto told = restore_subject(Json{{"deliver_subject", "$JS.SNAPSHOT.RESTORE.COMMITS.x"}});
  ASSERT_TRUE(told);
  EXPECT_EQ(*told, "$JS.SNAPSHOT.RESTORE.COMMITS.x");
  // Of a stream that was made instead.
  const auto made = restore_subject(Json{{"config", {{"name", "COMMITS"}}}, {"did_create", true}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable);
  EXPECT_EQ(made.error().hint, "give the command again");
  const auto garbage = restore_subject(Json{{"deliver_subject", 1}});
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, Code::corrupt);
}

}  // namespace
}  // namespace ployz

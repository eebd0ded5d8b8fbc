#include "model/action.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace ployz {
namespace {

using testing::sample_actions;

TEST(Action, Golden) {
  Json all = Json::array();
  for (const Action& action : sample_actions()) all.push_back(to_json(action));
  testing::expect_golden("action/v1.json", all);
  for (const Json& golden : testing::goldens("action")) {
    for (const Json& action : golden) EXPECT_TRUE(action_from_json(action)) << action;
  }
}

TEST(Action, RoundTrip) {
  ASSERT_EQ(sample_actions().size(), std::variant_size_v<Action>);
  for (const Action& action : sample_actions()) {
    EXPECT_EQ(action_from_json(to_json(action)), action) << kind_of(action);
  }
}

TEST(Action, DescribesItselfWithoutSecrets) {
  std::string lines;
  for (const Action& action : sample_actions()) {
    lines += std::format("{}: {}\n", kind_of(action), describe(action));
  }
  EXPECT_FALSE(lines.contains(testing::kSecret));
  testing::expect_golden("action_describe.txt", lines);
}

TEST(Action, DescribesEveryReadiness) {
  AwaitReady action{InstanceId("i1"), "", {}, 0};
  EXPECT_EQ(describe(action), "wait until i1 stays running");
  action.readiness.kind = Readiness::Kind::tcp;
  action.port = 5432;
  EXPECT_EQ(describe(action), "wait until i1 accepts tcp 127.0.0.1:5432");
  action.readiness = {.kind = Readiness::Kind::exec, .command = {"check", testing::kSecret}};
  EXPECT_EQ(describe(action), "wait until the readiness command of i1 succeeds");
}

TEST(Action, BadOnesAreRefused) {
  const Json good = to_json(sample_actions()[3]);
  EXPECT_TRUE(action_from_json(good));
  Json json = good;
  json["kind"] = "reboot";
  EXPECT_FALSE(action_from_json(json));
  json = good;
  json["kind"] = 1;
  EXPECT_FALSE(action_from_json(json));
  json = good;
  json.erase("kind");
  EXPECT_FALSE(action_from_json(json));
  json = good;
  json["extra"] = 1;
  EXPECT_EQ(action_from_json(json).error().message, "unknown field 'extra'");
  json = good;
  json["kind"] = "start_instance";  // which has no grace_ms
  EXPECT_FALSE(action_from_json(json));
  for (const char* text : {"null", "[]", "\"run_instance\"", "{}"}) {
    EXPECT_FALSE(action_from_json(Json::parse(text))) << text;
  }
}

}  // namespace
}  // namespace ployz

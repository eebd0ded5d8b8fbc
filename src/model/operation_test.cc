#include "model/operation.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace ployz {
namespace {

using testing::sample_operation;

TEST(Operation, Goldens) {
  testing::expect_golden("operation/v1.json", to_json(sample_operation(), true));
  testing::expect_golden("operation/v1_record.json", to_json(sample_operation(), false));
  for (const Json& golden : testing::goldens("operation")) {
    EXPECT_TRUE(operation_from_json(golden));
  }
}

TEST(Operation, RoundTrip) {
  const Json json = to_json(sample_operation(), true);
  const auto operation = operation_from_json(json);
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(to_json(*operation, true), json);
  EXPECT_EQ(operation->plan, sample_operation().plan);
  EXPECT_EQ(operation->error, sample_operation().error);
}

TEST(Operation, TheRecordPeopleSeeHasNoSecrets) {
  const std::string text = to_text(to_json(sample_operation(), false));
  EXPECT_FALSE(text.contains(testing::kSecret));
  EXPECT_FALSE(text.contains("PASSWORD"));
  EXPECT_FALSE(text.contains("\"plan\":{"));
  EXPECT_TRUE(text.contains("start web-9g5fax (10.101.0.7) on m1"));
}

TEST(Operation, TheRecordPeopleSeeParses) {
  const auto operation = operation_from_json(to_json(sample_operation(), false));
  ASSERT_TRUE(operation) << operation.error().line();
  EXPECT_EQ(operation->plan.changes, sample_operation().plan.changes);
  EXPECT_EQ(operation->steps.size(), 6U);  // those that have not begun are listed too
  EXPECT_EQ(operation->steps.at(StepId("a01")).state, StepState::done);
  EXPECT_EQ(operation->steps.at(StepId("a02")).state, StepState::pending);
  EXPECT_EQ(operation->outcome, Outcome::committed_cleanup_pending);
}

TEST(Operation, BadRecordsAreInvalid) {
  const auto refused = [](auto edit) {
    Json json = to_json(sample_operation(), true);
    edit(json);
    const auto operation = operation_from_json(json);
    return !operation && operation.error().code == Code::invalid;
  };
  EXPECT_TRUE(refused([](Json& o) { o["version"] = 2; }));
  EXPECT_TRUE(refused([](Json& o) { o["phase"] = "dance"; }));
  EXPECT_TRUE(refused([](Json& o) { o["outcome"] = nullptr; }));
  EXPECT_TRUE(refused([](Json& o) { o["steps"]["a01"]["state"] = "lost"; }));
  EXPECT_TRUE(refused([](Json& o) { o["error"] = "text"; }));
  EXPECT_TRUE(refused([](Json& o) { o["plan"] = nullptr; }));
  EXPECT_TRUE(refused([](Json& o) { o["changes"] = Json::array(); }));
  EXPECT_TRUE(refused([](Json& o) { o.erase("plan"); }));
  EXPECT_TRUE(refused([](Json& o) { o = Json::array(); }));
}

TEST(Operation, ExitCodes) {
  EXPECT_EQ(exit_code(Outcome::committed), 0);
  EXPECT_EQ(exit_code(Outcome::unchanged), 0);
  EXPECT_EQ(exit_code(Outcome::failed), 1);
  EXPECT_EQ(exit_code(Outcome::aborted), 1);
  EXPECT_EQ(exit_code(Outcome::interrupted), 1);
  EXPECT_EQ(exit_code(Outcome::refused), 3);
  EXPECT_EQ(exit_code(Outcome::committed_cleanup_pending), 4);
}

TEST(Operation, NamesParse) {
  for (const auto phase : {Phase::plan, Phase::lock, Phase::probe, Phase::apply, Phase::commit,
                           Phase::flip, Phase::cleanup}) {
    EXPECT_EQ(parse_phase(to_string(phase)), phase);
  }
  for (const auto outcome : {Outcome::running, Outcome::unchanged, Outcome::committed,
                             Outcome::committed_cleanup_pending, Outcome::failed, Outcome::refused,
                             Outcome::aborted, Outcome::interrupted}) {
    EXPECT_EQ(parse_outcome(to_string(outcome)), outcome);
  }
  EXPECT_FALSE(parse_phase("Plan"));
  EXPECT_FALSE(parse_outcome(""));
  EXPECT_EQ(to_string(StepState::undoing), "undoing");
}

TEST(Event, GoldenAndRoundTrip) {
  const Event event{OperationId("01arz3ndektsv4rrffq69g5faw"), 1'700'000'000'000, Phase::apply,
                    Event::Kind::step_done, "start web-9g5fax (10.101.0.7) on m1"};
  testing::expect_golden("event/v1.json", to_json(event));
  for (const Json& golden : testing::goldens("event")) EXPECT_TRUE(event_from_json(golden));
  const auto back = event_from_json(to_json(event));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json(event));
  EXPECT_FALSE(event_from_json(Json::parse(R"({"kind":"note"})")));
}

}  // namespace
}  // namespace ployz

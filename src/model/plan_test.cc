#include "model/plan.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace ployz {
namespace {

using testing::sample_plan;

TEST(Plan, Golden) {
  testing::expect_golden("plan/v1.json", to_json(sample_plan()));
  for (const Json& golden : testing::goldens("plan")) EXPECT_TRUE(plan_from_json(golden));
}

TEST(Plan, RoundTrip) {
  const Plan plan = sample_plan();
  EXPECT_EQ(plan_from_json(to_json(plan)), plan);
  EXPECT_EQ(plan_from_json(to_json(Plan{})), Plan{});
  EXPECT_EQ(step_from_json(to_json(plan.apply[1])), plan.apply[1]);
  EXPECT_EQ(claim_from_json(to_json(plan.claims[0])), plan.claims[0]);
  EXPECT_EQ(change_from_json(to_json(plan.changes[0])), plan.changes[0]);
}

TEST(Plan, BadRecordsAreInvalid) {
  Json json = to_json(sample_plan());
  json["version"] = 2;
  EXPECT_EQ(plan_from_json(json).error().message, "version: is 2, and this build knows 1 to 1");
  json = to_json(sample_plan());
  json["commit"]["kind"] = "merge";
  const auto plan = plan_from_json(json);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::invalid);
  EXPECT_TRUE(plan.error().message.starts_with("commit: kind: must be ")) << plan.error().message;
}

TEST(PlanValidate, SoundPlans) {
  EXPECT_TRUE(validate(sample_plan()));
  EXPECT_TRUE(validate(Plan{}));
}

struct BadPlan {
  const char* what;
  void (*edit)(Plan&);
  const char* message;
};

class BadPlans : public ::testing::TestWithParam<BadPlan> {};

TEST_P(BadPlans, AreRefused) {
  Plan plan = sample_plan();
  GetParam().edit(plan);
  const Status status = validate(plan);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::invalid);
  EXPECT_TRUE(status.error().message.contains(GetParam().message)) << status.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPlans,
    ::testing::Values(
        BadPlan{"id_twice", [](Plan& p) { p.cleanup[0].id = p.apply[0].id; }, "used twice"},
        BadPlan{"no_id", [](Plan& p) { p.apply[3].id = {}; }, "empty"},
        BadPlan{"machine_not_claimed", [](Plan& p) { p.apply[0].machine = MachineId("m9"); },
                "step a01 is for machine m9, which is not claimed"},
        BadPlan{"claimed_twice", [](Plan& p) { p.claims.push_back(p.claims[0]); }, "claimed twice"},
        BadPlan{"after_unknown", [](Plan& p) { p.apply[0].after = {StepId("a99")}; },
                "a01 comes after a99"},
        BadPlan{"after_of_the_other_list", [](Plan& p) { p.cleanup[0].after = {StepId("a01")}; },
                "c01 comes after a01"},
        BadPlan{"after_itself", [](Plan& p) { p.apply[0].after = {StepId("a01")}; }, "circle"},
        BadPlan{"circle", [](Plan& p) { p.apply[0].after = {StepId("a03")}; }, "circle"},
        BadPlan{"steps_without_commit", [](Plan& p) { p.commit.reset(); }, "must have no steps"},
        BadPlan{"other_namespace", [](Plan& p) { p.name_space = NamespaceName("other"); },
                "another namespace"},
        BadPlan{"other_parent", [](Plan& p) { p.expected_sequence = 7; }, "parent"},
        BadPlan{"too_large",
                [](Plan& p) {
                  p.commit->services[0].service.container.env["X"] =
                      std::string(kMaxCommitBytes, 'x');
                },
                "the commit would be"}),
    [](const auto& test) { return test.param.what; });

}  // namespace
}  // namespace ployz

#include "model/operation.h"

#include <gtest/gtest.h>
namespace ployz {
TEST(Smoke, RoundTrip) {
  Operation o;
  o.id = OperationId("x");
  o.kind = "deploy";
  o.name_space = NamespaceName("n");
  o.plan.apply.push_back({StepId("a01"), MachineId("m"), Target::agent, RunInstance{}, {}, {}});
  o.plan.commit = Commit{};
  o.plan.commit->services.push_back({});
  const auto back = operation_from_json(to_json(o, true));
  ASSERT_TRUE(back) << back.error().line();
  EXPECT_EQ(to_json(*back, true), to_json(o, true));
  const auto brief = operation_from_json(to_json(o, false));
  ASSERT_TRUE(brief) << brief.error().line();
}
}  // namespace ployz

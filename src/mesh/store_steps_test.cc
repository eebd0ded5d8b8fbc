// Which step a command asks for is told by its name; here is what is more than that.
#include "mesh/store_steps.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

class Steps final : public StoreSteps {
 public:
  int copies = 0;
  Result<CopiedStore> end = CopiedStore{7, 700};
  std::function<void()> meanwhile = [] {};

 private:
  uint64_t epoch() const override { return 3; }
  Status form(const StoreCall&) override { return {}; }
  Status prepare(const StoreCall&) override { return {}; }
  Status discard(const StoreCall&) override { return {}; }
  Status freeze(const StoreCall&) override { return {}; }
  Result<Decision> decide(const StoreCall&, TransferState wanted) override {
    return Decision{wanted, 0};
  }
  Result<CopiedStore> copy(const StoreCall&) override {
    ++copies;
    meanwhile();
    return end;
  }
};

Json call_of(std::string_view operation) {
  return to_json(StoreCall{OperationId(std::string(operation)), {4, {{MachineId("machine-2"), "10.101.1.1"}}}, ""});
}

TEST(StoreStepsTest, ACopyIsMadeOnceHoweverOftenItIsAskedFor) {
  Steps steps;
  steps.meanwhile = [&] {
    const auto early = steps.handle(std::string(kStoreCopy), call_of("one"));
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, Code::timeout);
  };
  const auto first = steps.handle(std::string(kStoreCopy), call_of("one"));
  ASSERT_TRUE(first) << first.error().line();
  EXPECT_EQ(steps.handle(std::string(kStoreCopy), call_of("one")).value(), *first);
  EXPECT_EQ(steps.copies, 1);
  steps.meanwhile = [] {};
  EXPECT_TRUE(steps.handle(std::string(kStoreCopy), call_of("two")));
  EXPECT_EQ(steps.copies, 2);
}

TEST(StoreStepsTest, ACopyThatFailedIsNotTriedAgain) {
  Steps steps;
  steps.end = fail(Code::corrupt, "it differs");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(steps.handle(std::string(kStoreCopy), call_of("one")).error().code, Code::corrupt);
  }
  EXPECT_EQ(steps.copies, 1);
}

// A server that died while it was copied to: the store stood still for two minutes.
TEST(StoreStepsTest, ACopyThatEndedWithoutAnAnswerIsNotWaitedFor) {
  Steps steps;
  steps.end = fail(Code::timeout, "the connection was lost", "", Effect::unknown);
  for (int i = 0; i < 2; ++i) {
    const auto ended = steps.handle(std::string(kStoreCopy), call_of("one"));
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, Code::unavailable);
    EXPECT_EQ(ended.error().effect, Effect::unknown);
  }
  EXPECT_EQ(steps.copies, 1);
}

TEST(StoreStepsTest, TheEpochIsToldWithWhatIsCoordinated) {
  Steps steps;
  const auto answer = [&] { return steps.handle(std::string(kStoreEpoch), {}).value(); };
  {
    const MovesUnderWay::Entry entry(steps.moves(), OperationId("one"));
    EXPECT_EQ(answer(), Json::parse(R"({"epoch":3,"coordinates":["one"]})"));
  }
  EXPECT_EQ(answer(), Json::parse(R"({"epoch":3,"coordinates":[]})"));
}

}  // namespace
}  // namespace ployz

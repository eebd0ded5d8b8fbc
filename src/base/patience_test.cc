#include "base/patience.h"

#include <gtest/gtest.h>

#include <latch>

namespace ployz {
namespace {

using std::chrono::milliseconds;

TEST(Patience, AnswersOrSaysThatThereIsNone) {
  std::latch released(1);
  std::atomic<bool> answered = false;
  {
    Patience patience;
    EXPECT_EQ(patience.within<int>(milliseconds(10'000), [] { return 7; }), 7);
    const auto failed = patience.within<int>(
        milliseconds(10'000), []() -> Result<int> { return fail(Code::denied, "no"); });
    EXPECT_EQ(failed.error().code, Code::denied);

    const auto late = patience.within<int>(milliseconds(1), [&]() -> Result<int> {
      released.wait();
      answered = true;
      return 1;
    });
    EXPECT_EQ(late.error().code, Code::timeout);
    EXPECT_FALSE(answered);
    // Others are asked meanwhile.
    EXPECT_EQ(patience.within<int>(milliseconds(10'000), [] { return 8; }), 8);
    released.count_down();
  }  // waits for the late one
  EXPECT_TRUE(answered);
}

TEST(Patience, RefusesBeyondItsBound) {
  std::latch released(1);
  Patience patience;
  std::vector<std::future<Result<int>>> asked;
  for (size_t i = 0; i < Patience::kMaxAsked; ++i) {
    asked.push_back(patience.ask<int>([&released]() -> Result<int> {
      released.wait();
      return 1;
    }));
  }
  const auto refused = patience.within<int>(milliseconds(10'000), [] { return 1; });
  EXPECT_EQ(refused.error().code, Code::unavailable);
  released.count_down();
  for (auto& answer : asked) {
    EXPECT_EQ(Patience::await<int>(answer, milliseconds(10'000)), 1);
  }
}

}  // namespace
}  // namespace ployz

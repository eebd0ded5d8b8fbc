// A store of three machines while some of them stand still: they keep their connections and say nothing,
// as machines do that are cut off or lose their power.
#include <gtest/gtest.h>

#include "contract/nats_store.h"
#include "drivers/nats/commit_log.h"

namespace ployz::contract {
namespace {

constexpr auto kElected = std::chrono::seconds(90);

class NatsOfThree : public testing::Test {
 protected:
  NatsOfThree() {
    EXPECT_TRUE(eventually([&] { return ensure_streams(*daemon_, 3); }));
    EXPECT_TRUE(eventually([&] { return records_.create(Bucket::leases, "shop", "one"); }));
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << store_.log();
  }

  template <typename Attempt>
  static bool eventually(Attempt attempt) {
    const auto until = std::chrono::steady_clock::now() + kElected;
    while (std::chrono::steady_clock::now() < until) {
      if (attempt()) return true;
    }
    return false;
  }

  Store store_{3};
  std::unique_ptr<NatsConnection> daemon_ = store_.daemon();
  NatsKeyValue records_{*daemon_};
};

// A consumer is placed on any of the three. It was asked for until the reading's time was over: every
// third reading failed, as long as NATS counted the machine among those there are.
TEST_F(NatsOfThree, WithOneStandingStillEveryReadingIsAnswered) {
  store_.at(2).freeze();
  EXPECT_TRUE(eventually([&] { return records_.create(Bucket::leases, "other", "two"); }));
  // Every stream elects for itself, and who places consumers is elected as well.
  EXPECT_TRUE(eventually([&] { return records_.list(Bucket::leases); }));
  // Long enough to meet the machine that stands still a dozen times in a row.
  store_.first().request_timeout = std::chrono::seconds(20);
  const auto patient = store_.daemon();
  for (int i = 0; i < 30; ++i) {
    const auto listed = NatsKeyValue(*patient).list(Bucket::leases);
    ASSERT_TRUE(listed) << i << ": " << listed.error().line();
    EXPECT_EQ(listed->size(), 2U);
  }
  store_.at(2).thaw();
}

TEST_F(NatsOfThree, AloneItRefusesAndGoesOnWhenTheOthersDo) {
  store_.at(1).freeze();
  store_.at(2).freeze();
  const auto alone = records_.create(Bucket::leases, "other", "two");
  ASSERT_FALSE(alone);
  EXPECT_TRUE(alone.error().code == Code::unavailable || alone.error().code == Code::timeout)
      << alone.error().line();
  store_.at(1).thaw();
  store_.at(2).thaw();
  EXPECT_TRUE(eventually([&] {
    const auto created = records_.create(Bucket::leases, "other", "two");
    return created || created.error().code == Code::exists;  // the one before may have arrived
  }));
  EXPECT_TRUE(eventually([&] { return records_.list(Bucket::leases); }));
}

}  // namespace
}  // namespace ployz::contract

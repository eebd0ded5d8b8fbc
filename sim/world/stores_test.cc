// The stores of a simulated cluster: who reaches which, what they refuse, what their checks notice.
#include "sim/world/stores.h"

#include <gtest/gtest.h>

namespace ployz::sim {
namespace {

const MachineId kFirst("machine-1");

class StoresTest : public ::testing::Test {
 protected:
  PlacedStore& next(const std::string& operation = "a") {
    return stores_.prepared_by(OperationId(operation), {2, {{kFirst, "10.101.0.1"}}});
  }
  void copy_to(PlacedStore& to) {
    for (const StreamName& stream : all_fake_streams()) {
      ASSERT_TRUE(to.store.restore(stores_.in_force().store.look(stream)));
    }
  }
  void commit(PlacedStore& to) {
    TransferLog& log = stores_.in_force().store;
    const TransferRecord record{TransferState::committed, to.operation, to.place, 0};
    ASSERT_TRUE(log.append(record, 0));
  }

  Scheduler scheduler_{1};
  Trace trace_{scheduler_, false};
  Network network_{3};
  SimHook hook_{scheduler_, trace_, network_, Random(1)};
  Stores stores_{hook_, trace_, network_, {1, {{kFirst, "10.101.0.1"}}}};
  MachineStore client_{hook_, stores_};
};

TEST_F(StoresTest, WhatIsCopiedKeepsItsSequencesAndGoesOn) {
  const uint64_t machine = *client_.create(Bucket::machines, "m1", "x");
  const uint64_t first = *client_.append(NamespaceName("shop"), 0, "one");
  ASSERT_TRUE(client_.create(Bucket::leases, "shop", "y"));
  ASSERT_TRUE(client_.remove(Bucket::leases, "shop", 2));
  ASSERT_TRUE(stores_.in_force().store.set_frozen(true));
  copy_to(next());
  for (const StreamName& stream : all_fake_streams()) {
    EXPECT_EQ(next().store.look(stream), stores_.first().store.look(stream));
  }
  EXPECT_EQ(next().store.restore(stores_.first().store.look(std::nullopt)).error().code, Code::exists);
  commit(next());
  client_.go_over(next());
  EXPECT_EQ(client_.append(NamespaceName("shop"), first, "two"), first + 1);
  EXPECT_TRUE(client_.update(Bucket::machines, "m1", "z", machine));
  EXPECT_FALSE(*client_.get(Bucket::leases, "shop"));
  stores_.check_acknowledged();
  EXPECT_TRUE(trace_.violations().empty());
}

TEST_F(StoresTest, AFrozenStoreIsReadAndNotWritten) {
  ASSERT_TRUE(client_.append(NamespaceName("shop"), 0, "one"));
  FakeStore& store = stores_.in_force().store;
  EXPECT_EQ(store.check_frozen().error().code, Code::conflict);
  ASSERT_TRUE(store.set_frozen(true));
  EXPECT_TRUE(store.check_frozen());
  const auto written = store.create(Bucket::meta, "k", "v");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::unavailable);
  EXPECT_EQ(written.error().effect, Effect::none);
  EXPECT_EQ((*store.newest(NamespaceName("shop")))->bytes, "one");
  ASSERT_TRUE(store.set_frozen(false));
  EXPECT_TRUE(store.create(Bucket::meta, "k", "v"));
}

TEST_F(StoresTest, AWriteThatIsNotInTheNextStoreIsNoticed) {
  copy_to(next());
  ASSERT_TRUE(client_.create(Bucket::meta, "late", "v"));  // it was not frozen
  commit(next());
  ASSERT_EQ(trace_.violations().size(), 1u);
  EXPECT_TRUE(trace_.violations().front().contains("meta/late"));
}

TEST_F(StoresTest, AStoreThatIsOverTakesNoWrites) {
  copy_to(next());
  commit(next());
  EXPECT_TRUE(stores_.made_one(OperationId("a")));
  EXPECT_FALSE(stores_.made_one(OperationId("b")));
  ASSERT_TRUE(client_.create(Bucket::meta, "k", "v"));  // this machine has not followed
  EXPECT_FALSE(trace_.violations().empty());
}

TEST_F(StoresTest, MostOfSeveralServersAnswer) {
  for (const MachineIndex machine : {0, 1, 2}) network_.serve(7, 3, machine);
  EXPECT_TRUE(network_.store_hears(7, 0, 0));
  network_.away(1, 100);
  EXPECT_TRUE(network_.store_hears(7, 0, 0));
  network_.away(2, 100);
  EXPECT_FALSE(network_.store_hears(7, 0, 0));
  EXPECT_FALSE(network_.store_answers(7, 0, 0));
  EXPECT_TRUE(network_.store_hears(7, 0, 100));
  network_.stop_serving(7, 0);
  network_.stop_serving(7, 1);
  EXPECT_FALSE(network_.store_hears(7, 0, 100));
}

// Messages go through the servers of the store that both follow.
TEST_F(StoresTest, WhoFollowsAnotherStoreIsNotReached) {
  network_.serve(0, 1, 0);
  network_.serve(1, 1, 2);
  EXPECT_TRUE(network_.carries(1, 2, 0));
  network_.follow(2, 1);
  EXPECT_FALSE(network_.carries(1, 2, 0));
  network_.follow(1, 1);
  EXPECT_TRUE(network_.carries(1, 2, 0));
  network_.away(0, 100);  // no server of theirs
  EXPECT_TRUE(network_.carries(1, 2, 0));
}

}  // namespace
}  // namespace ployz::sim

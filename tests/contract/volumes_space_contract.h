// What every implementation of Volumes promises about space: quotas, full pools. Part of the suite
// VolumesContract.
#pragma once

#include "contract/volumes_fixture.h"

namespace ployz::contract {

TEST_P(VolumesContract, WritesPastTheQuotaFailAndOthersGoOn) {
  DatasetSpec made = spec();
  made.quota_bytes = 8 * kMiB;
  ASSERT_TRUE(here().ensure_dataset(made));
  const DatasetSpec other = filled("other");
  EXPECT_TRUE(world_->write(here(), made.id, "fits", noise(4 * kMiB)));
  EXPECT_FALSE(world_->write(here(), made.id, "too much", noise(8 * kMiB)));
  EXPECT_TRUE(world_->write(here(), other.id, "fits", noise(16 * kMiB)));
  const Status raised = here().set_quota(made.id, 32 * kMiB);
  ASSERT_TRUE(raised) << raised.error().line();
  EXPECT_EQ(find(made.id)->spec.quota_bytes, 32 * kMiB);
  EXPECT_TRUE(world_->write(here(), made.id, "too much", noise(8 * kMiB)));
  ASSERT_TRUE(here().set_quota(made.id, 1 * kMiB));
  EXPECT_FALSE(world_->write(here(), made.id, "nothing more", noise(kMiB)));
  ASSERT_TRUE(here().set_quota(made.id, std::nullopt));
  EXPECT_EQ(find(made.id)->spec.quota_bytes, std::nullopt);
  EXPECT_TRUE(world_->write(here(), made.id, "anything", noise(32 * kMiB)));
  world_->reopen();
  EXPECT_EQ(find(made.id)->spec.quota_bytes, std::nullopt);
}

TEST_P(VolumesContract, AClonesQuotaCountsWhatItSharesWithItsOrigin) {
  const DatasetSpec made = filled("");
  put(made.id, noise(6 * kMiB), "shared");
  take(made.id, "one");
  DatasetSpec copy = spec();
  copy.quota_bytes = 16 * kMiB;
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName("one")}));
  EXPECT_TRUE(world_->write(here(), copy.id, "fits", noise(6 * kMiB)));
  EXPECT_FALSE(world_->write(here(), copy.id, "more", noise(6 * kMiB)));
  EXPECT_TRUE(world_->write(here(), made.id, "more", noise(12 * kMiB)));
  EXPECT_GE(find(copy.id)->used_bytes, 6 * kMiB);
  EXPECT_EQ(find(copy.id)->spec.quota_bytes, 16 * kMiB);
  ASSERT_TRUE(here().set_quota(copy.id, 64 * kMiB));
  EXPECT_TRUE(world_->write(here(), copy.id, "more", noise(24 * kMiB)));
}

// Every deploy goes on in a clone: what is rewritten in each must not add up.
TEST_P(VolumesContract, AVolumeThatGoesOnInClonesKeepsItsQuota) {
  DatasetSpec made = spec();
  made.quota_bytes = 16 * kMiB;
  ASSERT_TRUE(here().ensure_dataset(made));
  for (int round = 0; round < 5; ++round) {
    const Status written = world_->write(here(), made.id, "data", noise(6 * kMiB));
    ASSERT_TRUE(written) << "round " << round << ": " << written.error().line();
    take(made.id, "one");
    const DatasetOrigin origin{made.id, SnapshotName("one")};
    made.id = spec().id;
    const Status cloned = here().clone(made, origin);
    ASSERT_TRUE(cloned) << cloned.error().line();
  }
  world_->settle(here());
  EXPECT_LE(find(made.id)->used_bytes, 8 * kMiB);
  EXPECT_FALSE(world_->write(here(), made.id, "more", noise(12 * kMiB)));
}

TEST_P(VolumesContract, UsedIsWhatItRefersTo) {
  const DatasetSpec made = filled("");
  world_->settle(here());
  const uint64_t empty = find(made.id)->used_bytes;
  put(made.id, noise(4 * kMiB), "more");
  take(made.id, "one");
  world_->settle(here());
  const uint64_t used = find(made.id)->used_bytes;
  EXPECT_GE(used, empty + 4 * kMiB);
  EXPECT_LE(used, empty + 6 * kMiB);
}

TEST_P(VolumesContract, AFullPoolCanBeEmptied) {
  Volumes& small = world_->there();
  const DatasetSpec filler = spec();
  const DatasetSpec other = spec();
  ASSERT_TRUE(small.ensure_dataset(filler));
  ASSERT_TRUE(small.ensure_dataset(other));
  ASSERT_TRUE(world_->write(small, other.id, "data", "kept"));
  take(small, filler.id, "one");
  int pieces = 0;
  while (pieces < 1000 &&
         world_->write(small, filler.id, std::format("piece{}", pieces), noise(4 * kMiB))) {
    ++pieces;
  }
  EXPECT_LT(pieces, 1000);
  EXPECT_TRUE(small.list());
  const Status destroyed = small.destroy(filler.id);
  ASSERT_TRUE(destroyed) << destroyed.error().line();
  world_->settle(small);
  EXPECT_TRUE(world_->write(small, other.id, "more", noise(4 * kMiB)));
  EXPECT_EQ(world_->read(small, other.id, "data"), "kept");
}

}  // namespace ployz::contract

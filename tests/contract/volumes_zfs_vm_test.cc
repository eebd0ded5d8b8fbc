// The Volumes contract on real ZFS, and what only ZFS has: clones that take snapshots over, pools
// that come and go, streams with properties in them. A program of its own, for tools/zfs-lab.
#include "contract/volumes_stream_contract.h"
#include "contract/zfs_world.h"

namespace ployz::contract {
namespace {

std::unique_ptr<VolumesWorld> make() {
  return std::make_unique<ZfsVolumesWorld>();
}

class ZfsVolumesTest : public VolumesStreamContract {
 protected:
  static std::string name(const DatasetId& id) { return ZfsVolumesWorld::root(0) + "/" + id.str(); }
  static std::string get_property(const std::string& property, const std::string& of) {
    std::string text = zfs_tool({"zfs", "get", "-Hp", "-o", "value", property, of});
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }
};

TEST_P(ZfsVolumesTest, SeveralSnapshotsAreOfOneTransaction) {
  std::vector<DatasetId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(filled(std::to_string(i)).id);
  const auto taken = here().snapshot(ids, SnapshotName("all"));
  ASSERT_TRUE(taken) << taken.error().line();
  std::set<std::string> transactions;
  for (const DatasetId& id : ids) transactions.insert(get_property("createtxg", name(id) + "@all"));
  EXPECT_EQ(transactions.size(), 1u);
}

TEST_P(ZfsVolumesTest, TheOperatorSeesWhoseItIs) {
  const DatasetSpec made = filled("x");
  take(made.id, "one");
  DatasetSpec copy = spec();
  copy.operation = OperationId("01branch");
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName("one")}));
  EXPECT_EQ(get_property("ployz:operation", name(copy.id)), "01branch");
  EXPECT_EQ(get_property("ployz:origin", name(copy.id)), made.id.str() + "@one");
  EXPECT_EQ(get_property("ployz:namespace", name(copy.id)), "contract");
}

// What a destroyed dataset leaves behind for its clones goes with the last of them.
TEST_P(ZfsVolumesTest, SnapshotsThatClonesNeedAreNotSeenAndGoWithThem) {
  const DatasetSpec made = filled("1");
  take(made.id, "one");
  put(made.id, "2");
  take(made.id, "two");
  put(made.id, "3");
  take(made.id, "three");
  const DatasetSpec first = spec();
  const DatasetSpec second = spec();
  ASSERT_TRUE(here().clone(first, {made.id, SnapshotName("one")}));
  ASSERT_TRUE(here().clone(second, {made.id, SnapshotName("two")}));
  // Of the same names as those it takes over.
  take(second.id, "one");
  take(second.id, "two");
  const Status destroyed = here().destroy(made.id);
  ASSERT_TRUE(destroyed) << destroyed.error().line();
  EXPECT_EQ(find(second.id)->snapshots.size(), 2u);
  EXPECT_EQ(get(first.id), "1");
  EXPECT_EQ(get(second.id), "2");
  EXPECT_EQ(world_->leftovers(here()), 1u);  // `one`, of which `first` is a clone
  ASSERT_TRUE(here().destroy(first.id));
  EXPECT_EQ(world_->leftovers(here()), 0u);
  EXPECT_EQ(get(second.id), "2");
}

TEST_P(ZfsVolumesTest, TheNameOfAGivenUpSnapshotIsFree) {
  const DatasetSpec made = filled("1");
  const DatasetSnapshot before = take(made.id, "one");
  const DatasetSpec copy = spec();
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName("one")}));
  ASSERT_TRUE(here().destroy_snapshot(made.id, SnapshotName("one")));
  put(made.id, "2");
  EXPECT_NE(take(made.id, "one").guid, before.guid);
  EXPECT_EQ(find(made.id)->snapshots.size(), 1u);
  EXPECT_EQ(get(copy.id), "1");
  ASSERT_TRUE(here().destroy(copy.id));
  EXPECT_EQ(world_->leftovers(here()), 0u);
}

// A crash after each command of destroy(): the same call again.
TEST_P(ZfsVolumesTest, DestroyingGoesOnWhereItWasInterrupted) {
  const DatasetSpec made = filled("1");
  take(made.id, "one");
  const DatasetSpec copy = spec();
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName("one")}));
  zfs_tool({"zfs", "unmount", name(made.id)});
  zfs_tool({"zfs", "rename", name(made.id) + "@one", name(made.id) + "@gone:1"});
  zfs_tool({"zfs", "destroy", "-d", name(made.id) + "@gone:1"});
  zfs_tool({"zfs", "promote", name(copy.id)});
  ASSERT_TRUE(here().destroy(made.id));
  EXPECT_EQ(world_->leftovers(here()), 0u);
  EXPECT_EQ(get(copy.id), "1");
}

TEST_P(ZfsVolumesTest, WhatIsNotOursIsLeftAlone) {
  const std::string foreign = ZfsVolumesWorld::root(0) + "/backup";
  zfs_tool({"zfs", "create", "-o", "mountpoint=none", foreign});
  EXPECT_EQ(here().list().value().size(), 0u);
  EXPECT_FALSE(here().destroy(DatasetId("backup")));
  DatasetSpec taken = spec();
  taken.id = DatasetId("backup");
  EXPECT_EQ(here().ensure_dataset(taken).error().code, Code::exists);
  EXPECT_EQ(get_property("type", foreign), "filesystem");
}

TEST_P(ZfsVolumesTest, APoolThatIsAwayIsUnavailable) {
  ZfsVolumes away({"ployz-no-such-pool/ployz", "/var/tmp/ployz-away"});
  const DatasetId id("01a");
  EXPECT_EQ(away.pool().error().code, Code::unavailable);
  EXPECT_EQ(away.list().error().code, Code::unavailable);
  EXPECT_EQ(away.find(id).error().code, Code::unavailable);
  EXPECT_EQ(away.ensure_dataset(spec()).error().code, Code::unavailable);
  EXPECT_EQ(away.snapshot({id}, SnapshotName("one")).error().code, Code::unavailable);
  EXPECT_EQ(away.destroy(id).error().code, Code::unavailable);
  EXPECT_EQ(away.destroy_snapshot(id, SnapshotName("one")).error().code, Code::unavailable);
  EXPECT_FALSE(away.list().error().hint.empty());
}

// Written into the folder below the mount point, data would be lost with the next mount.
TEST_P(ZfsVolumesTest, AnUnmountedDatasetIsMountedBeforeItsPathIsTold) {
  const DatasetSpec made = filled("kept");
  zfs_tool({"zfs", "unmount", name(made.id)});
  EXPECT_EQ(get(made.id), "kept");
  EXPECT_EQ(get_property("mounted", name(made.id)), "yes");
}

// A package made with `zfs send -p` could set any property here, a mountpoint for one.
TEST_P(ZfsVolumesTest, AStreamWithPropertiesIsRefused) {
  const DatasetSpec made = filled("x");
  const DatasetSnapshot sent = take(made.id, "one");
  const std::string bytes = zfs_tool({"zfs", "send", "-p", name(made.id) + "@one"});
  const DatasetSpec target = spec();
  const auto got = receive(there(), request(target, made.id, "one", sent.guid), bytes);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::corrupt) << got.error().line();
  expect_nothing(target.id);
}

TEST_P(ZfsVolumesTest, ACloneTakesOneCommandWhateverItsSize) {
  const DatasetSpec made = filled("");
  put(made.id, noise(64 * kMiB), "much");
  take(made.id, "one");
  const auto before = std::chrono::steady_clock::now();
  const Status cloned = here().clone(spec(), {made.id, SnapshotName("one")});
  const auto took = std::chrono::steady_clock::now() - before;
  ASSERT_TRUE(cloned) << cloned.error().line();
  RecordProperty("clone_us", std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Zfs, VolumesContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Zfs, VolumesStreamContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Zfs, ZfsVolumesTest, testing::Values(&make));

}  // namespace ployz::contract

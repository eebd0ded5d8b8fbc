// What every implementation of Volumes promises: datasets, snapshots, clones. Space and quotas:
// volumes_space_contract.h; streams between pools: volumes_stream_contract.h.
#pragma once

#include <atomic>
#include <thread>

#include "contract/volumes_space_contract.h"

namespace ployz::contract {

TEST_P(VolumesContract, ThePoolSaysWhatItIs) {
  const auto pool = here().pool();
  ASSERT_TRUE(pool) << pool.error().line();
  EXPECT_EQ(pool->driver, here().capabilities().driver);
  EXPECT_EQ(pool->atomic_multi_snapshot, here().capabilities().atomic_multi_snapshot);
  EXPECT_GT(pool->size_bytes, 0u);
  EXPECT_GT(pool->free_bytes, 0u);
  EXPECT_LE(pool->free_bytes, pool->size_bytes);
  EXPECT_EQ(here().list().value(), std::vector<Dataset>{});
}

TEST_P(VolumesContract, ADatasetIsFoundAgainWithItsSpec) {
  DatasetSpec made = spec();
  made.quota_bytes = 16 * kMiB;
  made.mode = "0750";
  made.owner = "7:8";
  const Status ensured = here().ensure_dataset(made);
  ASSERT_TRUE(ensured) << ensured.error().line();
  put(made.id, "kept");
  take(made.id, "01commit");
  const auto before = facts(made.id);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->spec, made);
  EXPECT_EQ(before->origin, std::nullopt);
  EXPECT_NE(before->created_at_ms, 0u);
  ASSERT_EQ(before->snapshots.size(), 1u);
  EXPECT_EQ(before->snapshots[0].name, SnapshotName("01commit"));
  EXPECT_FALSE(before->snapshots[0].guid.empty());
  EXPECT_NE(before->snapshots[0].created_at_ms, 0u);
  world_->reopen();
  EXPECT_EQ(facts(made.id), before);
  EXPECT_EQ(get(made.id), "kept");
  auto listed = here().list();
  ASSERT_TRUE(listed && listed->size() == 1);
  listed->front().used_bytes = 0;
  EXPECT_EQ(listed->front(), *before);
}

TEST_P(VolumesContract, ItsRootHasModeAndOwner) {
  DatasetSpec made = spec();
  made.mode = "0750";
  made.owner = "7:8";
  ASSERT_TRUE(here().ensure_dataset(made));
  EXPECT_EQ(world_->root_of(here(), made.id), "0750 7:8");
  const DatasetSpec plain = spec();
  ASSERT_TRUE(here().ensure_dataset(plain));
  EXPECT_EQ(world_->root_of(here(), plain.id), "0755 0:0");
  EXPECT_NE(here().path(made.id).value(), here().path(plain.id).value());
}

TEST_P(VolumesContract, EnsuringAgainChangesNothing) {
  const DatasetSpec made = filled("kept");
  take(made.id, "one");
  const auto before = facts(made.id);
  ASSERT_TRUE(here().ensure_dataset(made));
  EXPECT_EQ(facts(made.id), before);
  EXPECT_EQ(get(made.id), "kept");
}

TEST_P(VolumesContract, AnIdOfAnotherVolumeIsRefused) {
  const DatasetSpec made = filled("kept");
  DatasetSpec other = made;
  other.volume = VolumeName("other");
  EXPECT_EQ(here().ensure_dataset(other).error().code, Code::exists);
  other = made;
  other.name_space = NamespaceName("other");
  EXPECT_EQ(here().ensure_dataset(other).error().code, Code::exists);
  EXPECT_EQ(find(made.id)->spec, made);
}

TEST_P(VolumesContract, TheAbsentIsNotFoundButMayBeDestroyed) {
  const DatasetId absent("01absent");
  EXPECT_EQ(find(absent), std::nullopt);
  EXPECT_EQ(here().path(absent).error().code, Code::not_found);
  EXPECT_EQ(here().set_quota(absent, 1).error().code, Code::not_found);
  EXPECT_EQ(here().snapshot({absent}, SnapshotName("one")).error().code, Code::not_found);
  EXPECT_EQ(here().clone(spec(), {absent, SnapshotName("one")}).error().code, Code::not_found);
  const DatasetSpec made = filled("kept");
  EXPECT_EQ(here().clone(spec(), {made.id, SnapshotName("one")}).error().code, Code::not_found);
  EXPECT_TRUE(here().destroy(absent));
  EXPECT_TRUE(here().destroy_snapshot(absent, SnapshotName("one")));
  EXPECT_TRUE(here().destroy_snapshot(made.id, SnapshotName("one")));
  EXPECT_EQ(here().list()->size(), 1u);
}

TEST_P(VolumesContract, EveryLegalNameWorks) {
  DatasetSpec made = spec();
  made.id = DatasetId("0_az-9." + std::string(56, 'x'));
  made.name_space = NamespaceName("a-0" + std::string(60, 'z'));
  made.volume = VolumeName("0_-" + std::string(60, 'v'));
  const std::string name = "1-b_c.9" + std::string(56, 's');
  const Status ensured = here().ensure_dataset(made);
  ASSERT_TRUE(ensured) << ensured.error().line();
  put(made.id, "before", "name with spaces, \"quotes\" and \xc3\xbc");
  take(made.id, name);
  DatasetSpec copy = made;
  copy.id = DatasetId("c");
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName(name)}));
  EXPECT_EQ(get(copy.id, "name with spaces, \"quotes\" and \xc3\xbc"), "before");
  EXPECT_EQ(find(made.id)->spec, made);
  EXPECT_NE(find(made.id)->snapshot(SnapshotName(name)), nullptr);
  EXPECT_TRUE(here().destroy(made.id));
  EXPECT_TRUE(here().destroy(copy.id));
}

TEST_P(VolumesContract, OtherNamesAreInvalid) {
  const DatasetSpec made = filled("kept");
  for (const std::string& name :
       {std::string(), std::string(".."), std::string("../x"), std::string("a/b"),
        std::string("a@b"), std::string("A"), std::string("-a"), std::string("a b"),
        std::string(64, 'a'), std::string("a\0b", 3)}) {
    DatasetSpec other = spec();
    other.id = DatasetId(name);
    EXPECT_EQ(here().ensure_dataset(other).error().code, Code::invalid) << name;
    EXPECT_EQ(here().destroy(DatasetId(name)).error().code, Code::invalid) << name;
    EXPECT_EQ(here().snapshot({made.id}, SnapshotName(name)).error().code, Code::invalid) << name;
  }
  DatasetSpec other = spec();
  other.mode = "rwx";
  EXPECT_EQ(here().ensure_dataset(other).error().code, Code::invalid);
  other.mode = "0755";
  other.owner = "postgres";
  EXPECT_EQ(here().ensure_dataset(other).error().code, Code::invalid);
  EXPECT_EQ(here().list()->size(), 1u);
}

TEST_P(VolumesContract, CallsAtTheSameInstantMakeOneDataset) {
  const DatasetSpec made = spec();
  std::atomic<int> succeeded = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { succeeded += here().ensure_dataset(made) ? 1 : 0; });
    }
  }
  EXPECT_EQ(succeeded, 4);
  EXPECT_EQ(here().list()->size(), 1u);
}

TEST_P(VolumesContract, SnapshotsNeverChange) {
  const DatasetSpec made = filled("first");
  const DatasetSnapshot first = take(made.id, "one");
  put(made.id, "second");
  put(made.id, "new", "other");
  const DatasetSnapshot second = take(made.id, "two");
  put(made.id, "third");
  EXPECT_NE(first.guid, second.guid);
  // Taken again: it is there already.
  EXPECT_EQ(take(made.id, "one"), first);
  EXPECT_EQ(get_at(here(), made.id, "one"), "first");
  EXPECT_EQ(get_at(here(), made.id, "one", "other"), std::nullopt);
  EXPECT_EQ(get_at(here(), made.id, "two"), "second");
  EXPECT_EQ(get(made.id), "third");
  EXPECT_EQ(find(made.id)->snapshots, (std::vector<DatasetSnapshot>{first, second}));
}

TEST_P(VolumesContract, SeveralAreSnapshottedAllOrNone) {
  const DatasetSpec one = filled("one");
  const DatasetSpec two = filled("two");
  const auto none = here().snapshot({one.id, DatasetId("01absent"), two.id}, SnapshotName("s"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_EQ(find(one.id)->snapshots.size(), 0u);
  EXPECT_EQ(find(two.id)->snapshots.size(), 0u);
  const DatasetSnapshot before = take(one.id, "s");
  put(one.id, "changed");
  const auto both = here().snapshot({two.id, one.id}, SnapshotName("s"));
  ASSERT_TRUE(both) << both.error().line();
  ASSERT_EQ(both->size(), 2u);
  EXPECT_EQ(both->at(0), find(two.id)->snapshots.at(0));
  EXPECT_EQ(both->at(1), before);
  EXPECT_EQ(get_at(here(), one.id, "s"), "one");
  EXPECT_EQ(here().snapshot({}, SnapshotName("s")).value().size(), 0u);
}

TEST_P(VolumesContract, ACloneIsIndependent) {
  const DatasetSpec made = filled("shared");
  take(made.id, "one");
  put(made.id, "source");
  DatasetSpec copy = spec();
  copy.volume = VolumeName("copy");
  copy.mode = "0700";  // not applied
  const DatasetOrigin origin{made.id, SnapshotName("one")};
  const Status cloned = here().clone(copy, origin);
  ASSERT_TRUE(cloned) << cloned.error().line();
  EXPECT_EQ(get(copy.id), "shared");
  EXPECT_EQ(world_->root_of(here(), copy.id), "0755 0:0");
  put(copy.id, "clone");
  EXPECT_EQ(get(made.id), "source");
  EXPECT_EQ(get_at(here(), made.id, "one"), "shared");
  EXPECT_EQ(find(copy.id)->spec, copy);
  EXPECT_EQ(find(copy.id)->origin, origin);
  EXPECT_EQ(find(copy.id)->snapshots.size(), 0u);
  // Again: it is there already, and keeps what was written.
  ASSERT_TRUE(here().clone(copy, origin));
  EXPECT_EQ(get(copy.id), "clone");
  copy.volume = VolumeName("other");
  EXPECT_EQ(here().clone(copy, origin).error().code, Code::exists);
  EXPECT_EQ(here().clone(made, origin).error().code, Code::exists);
}

TEST_P(VolumesContract, ACloneOutlivesItsSourceAndTheOtherWayRound) {
  const DatasetSpec made = filled("shared");
  take(made.id, "one");
  const DatasetSpec copy = spec();
  const DatasetSpec second = spec();
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName("one")}));
  ASSERT_TRUE(here().clone(second, {made.id, SnapshotName("one")}));
  ASSERT_TRUE(here().destroy(second.id));
  EXPECT_EQ(find(second.id), std::nullopt);
  EXPECT_EQ(get_at(here(), made.id, "one"), "shared");
  const Status destroyed = here().destroy(made.id);
  ASSERT_TRUE(destroyed) << destroyed.error().line();
  EXPECT_EQ(find(made.id), std::nullopt);
  EXPECT_EQ(here().path(made.id).error().code, Code::not_found);
  EXPECT_EQ(get(copy.id), "shared");
  put(copy.id, "changed");
  take(copy.id, "two");
  EXPECT_EQ(get_at(here(), copy.id, "two"), "changed");
  // Its id is as free as any.
  EXPECT_EQ(here().list()->size(), 1u);
  ASSERT_TRUE(here().destroy(made.id));
  ASSERT_TRUE(here().destroy(copy.id));
  EXPECT_EQ(here().list()->size(), 0u);
}

TEST_P(VolumesContract, AChainOfClonesLosesItsBeginning) {
  const DatasetSpec a = filled("a");
  take(a.id, "s");
  const DatasetSpec b = spec();
  ASSERT_TRUE(here().clone(b, {a.id, SnapshotName("s")}));
  put(b.id, "b", "more");
  take(b.id, "s");
  const DatasetSpec c = spec();
  ASSERT_TRUE(here().clone(c, {b.id, SnapshotName("s")}));
  put(c.id, "c", "most");
  ASSERT_TRUE(here().destroy(b.id));
  ASSERT_TRUE(here().destroy(a.id));
  EXPECT_EQ(get(c.id), "a");
  EXPECT_EQ(get(c.id, "more"), "b");
  EXPECT_EQ(get(c.id, "most"), "c");
  EXPECT_EQ(here().list()->size(), 1u);
  EXPECT_EQ(find(c.id)->snapshots.size(), 0u);
  ASSERT_TRUE(here().destroy(c.id));
}

TEST_P(VolumesContract, ASnapshotWithClonesIsDestroyed) {
  const DatasetSpec made = filled("shared");
  take(made.id, "one");
  take(made.id, "two");
  const DatasetSpec copy = spec();
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName("one")}));
  const Status destroyed = here().destroy_snapshot(made.id, SnapshotName("one"));
  ASSERT_TRUE(destroyed) << destroyed.error().line();
  ASSERT_TRUE(here().destroy_snapshot(made.id, SnapshotName("one")));
  ASSERT_EQ(find(made.id)->snapshots.size(), 1u);
  EXPECT_EQ(find(made.id)->snapshots[0].name, SnapshotName("two"));
  EXPECT_EQ(get(copy.id), "shared");
  EXPECT_EQ(get(made.id), "shared");
  EXPECT_EQ(here().clone(spec(), {made.id, SnapshotName("one")}).error().code, Code::not_found);
  ASSERT_TRUE(here().destroy(copy.id));
  ASSERT_TRUE(here().destroy(made.id));
}

TEST_P(VolumesContract, WhatIsMountedIsNotDestroyed) {
  const DatasetSpec made = filled("in use");
  {
    const auto mounted = world_->mount(here(), made.id);
    const Status destroyed = here().destroy(made.id);
    ASSERT_FALSE(destroyed);
    EXPECT_EQ(destroyed.error().code, Code::conflict) << destroyed.error().line();
    EXPECT_EQ(get(made.id), "in use");
  }
  const Status destroyed = here().destroy(made.id);
  EXPECT_TRUE(destroyed) << destroyed.error().line();
}

TEST_P(VolumesContract, AThousandSnapshots) {
  const DatasetSpec made = filled("0");
  const DatasetSpec few = filled("few");
  for (int i = 0; i < 1000; ++i) {
    if (i % 100 == 0) put(made.id, std::to_string(i));
    ASSERT_TRUE(here().snapshot({made.id}, SnapshotName(std::format("s{:03}", i)))) << i;
  }
  const auto found = find(made.id);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->snapshots.size(), 1000u);
  EXPECT_TRUE(std::ranges::is_sorted(found->snapshots, {}, &DatasetSnapshot::name));
  // Every plan asks for it; only recorded, since a bound in time would fail on a loaded computer.
  const auto before = std::chrono::steady_clock::now();
  const auto listed = here().list();
  const auto took = std::chrono::steady_clock::now() - before;
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->size(), 2u);
  RecordProperty("list_us", std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  EXPECT_EQ(get_at(here(), made.id, "s250"), "200");
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(here().destroy_snapshot(made.id, SnapshotName(std::format("s{:03}", i))));
  }
  EXPECT_EQ(find(made.id)->snapshots.size(), 500u);
  ASSERT_TRUE(here().destroy(made.id));
  EXPECT_EQ(get(few.id), "few");
  EXPECT_EQ(here().list()->size(), 1u);
}

}  // namespace ployz::contract

// The Volumes contract on a real btrfs, and what only btrfs has: subvolumes, quota groups, folders
// that a crash leaves.
#include <sys/syscall.h>
#include <unistd.h>

#include "contract/btrfs_world.h"
#include "contract/volumes_stream_contract.h"
#include "drivers/btrfs/confinement.h"
#include "drivers/btrfs/subvolume.h"

namespace ployz::contract {
namespace {

std::unique_ptr<VolumesWorld> make() {
  return std::make_unique<BtrfsVolumesWorld>();
}

class BtrfsVolumesTest : public VolumesStreamContract {
 protected:
  BtrfsVolumesWorld& btrfs() { return static_cast<BtrfsVolumesWorld&>(*world_); }
  std::filesystem::path root() { return btrfs().root(0); }
};

TEST_P(BtrfsVolumesTest, QuotasAreSimpleOnes) {
  EXPECT_EQ(btrfs().driver().quota_mode(), btrfs::QuotaMode::simple);
  world_->reopen();
  EXPECT_EQ(btrfs().driver().quota_mode(), btrfs::QuotaMode::simple);
}

TEST_P(BtrfsVolumesTest, AFolderElsewhereIsNoPool) {
  const auto opened = BtrfsVolumes::open("/proc");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unavailable);
  EXPECT_FALSE(opened.error().hint.empty());
  EXPECT_FALSE(BtrfsVolumes::open("/no/such/folder"));
}

// The daemon must not take the empty folder below the mount for an empty pool.
TEST_P(BtrfsVolumesTest, APoolThatIsNotMountedIsUnavailable) {
  const DatasetSpec made = filled("kept");
  const std::string device = run_or_fail({"findmnt", "-n", "-o", "SOURCE", root().string()});
  run_or_fail({"umount", root().string()});
  EXPECT_EQ(here().list().error().code, Code::unavailable);
  EXPECT_EQ(here().find(made.id).error().code, Code::unavailable);
  EXPECT_EQ(here().pool().error().code, Code::unavailable);
  EXPECT_EQ(here().ensure_dataset(spec()).error().code, Code::unavailable);
  EXPECT_EQ(here().destroy(made.id).error().code, Code::unavailable);
  EXPECT_TRUE(std::filesystem::is_empty(root()));
  run_or_fail({"mount", "-t", "btrfs", device, root().string()});
  EXPECT_EQ(get(made.id), "kept");
}

TEST_P(BtrfsVolumesTest, WhatACrashLeavesIsNotListedAndGoesWithTheNextCall) {
  const DatasetSpec made = spec();
  const std::filesystem::path incoming = root() / "incoming" / made.id.str();
  const auto crash = [&] {
    std::filesystem::create_directories(incoming / "dataset/snapshots/01one");
    std::filesystem::create_directories(incoming / "arriving");
    ASSERT_TRUE(btrfs::create_subvolume(incoming / "dataset/live"));
    ASSERT_TRUE(btrfs::create_subvolume(incoming / "dataset/snapshots/01one/data"));
    ASSERT_TRUE(btrfs::create_subvolume(incoming / "live"));
    ASSERT_TRUE(btrfs::create_subvolume(incoming / "arriving/whatever"));
  };
  crash();
  EXPECT_EQ(here().list()->size(), 0u);
  EXPECT_EQ(find(made.id), std::nullopt);
  ASSERT_TRUE(here().destroy(made.id));
  EXPECT_EQ(world_->leftovers(here()), 0u);
  crash();
  ASSERT_TRUE(here().ensure_dataset(made));
  EXPECT_EQ(world_->leftovers(here()), 0u);
  // In the middle of destroying: renamed, not deleted.
  take(made.id, "one");
  std::filesystem::rename(root() / "datasets" / made.id.str(), root() / "trash" / made.id.str());
  EXPECT_EQ(here().list()->size(), 0u);
  ASSERT_TRUE(here().destroy(made.id));
  EXPECT_EQ(world_->leftovers(here()), 0u);
  // In the middle of a snapshot: only its folder.
  ASSERT_TRUE(here().ensure_dataset(made));
  std::filesystem::create_directory(root() / "datasets" / made.id.str() / "snapshots/two");
  EXPECT_EQ(find(made.id)->snapshots.size(), 0u);
  take(made.id, "two");
  EXPECT_EQ(find(made.id)->snapshots.size(), 1u);
}

// A machine that stopped between the two renames of a later round.
TEST_P(BtrfsVolumesTest, ALaterRoundThatWasHalfPlacedIsRepeated) {
  const DatasetSpec made = filled("first");
  const DatasetSnapshot one = take(made.id, "one");
  const DatasetSpec target = spec();
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  put(made.id, "second");
  const DatasetSnapshot two = take(made.id, "two");
  ASSERT_TRUE(move(here(), made.id, "two", there(), target, one.guid));
  const auto folder = btrfs().root(1) / "datasets" / target.id.str() / "snapshots/two";
  const auto incoming = btrfs().root(1) / "incoming" / target.id.str();
  std::filesystem::create_directory(incoming);
  std::filesystem::rename(folder, incoming / "arriving");
  EXPECT_EQ(find(there(), target.id)->snapshots.size(), 1u);
  ASSERT_TRUE(move(here(), made.id, "two", there(), target, one.guid));
  EXPECT_EQ(find(there(), target.id)->snapshots.back().guid, two.guid);
  EXPECT_EQ(get_there(target.id), "second");
  EXPECT_EQ(world_->leftovers(there()), 0u);
}

TEST_P(BtrfsVolumesTest, SubvolumesThatAContainerMadeGoToo) {
  DatasetSpec made = spec();
  made.quota_bytes = 8 * kMiB;
  ASSERT_TRUE(here().ensure_dataset(made));
  const std::filesystem::path live = here().path(made.id).value();
  ASSERT_TRUE(btrfs::create_subvolume(live / "nested"));
  // And are no way around the quota.
  EXPECT_FALSE(world_->write(here(), made.id, "nested/file", noise(12 * kMiB)));
  const Status destroyed = here().destroy(made.id);
  ASSERT_TRUE(destroyed) << destroyed.error().line();
  EXPECT_EQ(world_->leftovers(here()), 0u);
}

// Whoever has reached the quota must be able to make room.
TEST_P(BtrfsVolumesTest, FilesAreRemovedAtTheQuota) {
  DatasetSpec made = spec();
  made.quota_bytes = 8 * kMiB;
  ASSERT_TRUE(here().ensure_dataset(made));
  put(made.id, noise(4 * kMiB), "one");
  while (world_->write(here(), made.id, "two", noise(8 * kMiB))) {
  }
  const std::filesystem::path live = here().path(made.id).value();
  std::error_code error;
  EXPECT_TRUE(std::filesystem::remove(live / "one", error)) << error.message();
  EXPECT_TRUE(std::filesystem::remove(live / "two", error)) << error.message();
  world_->settle(here());
  put(made.id, noise(4 * kMiB), "three");
  // What a snapshot holds counts (quotas.h).
  take(made.id, "one");
  EXPECT_TRUE(std::filesystem::remove(live / "three", error)) << error.message();
  world_->settle(here());
  EXPECT_FALSE(world_->write(here(), made.id, "four", noise(6 * kMiB)));
  ASSERT_TRUE(here().destroy_snapshot(made.id, SnapshotName("one")));
  EXPECT_TRUE(std::filesystem::remove(live / "four", error)) << error.message();
  world_->settle(here());
  put(made.id, noise(6 * kMiB), "four");
}

TEST_P(BtrfsVolumesTest, SnapshotsOfSeveralShareATransaction) {
  std::vector<DatasetId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(filled(std::to_string(i)).id);
  const auto before = std::chrono::steady_clock::now();
  const auto taken = here().snapshot(ids, SnapshotName("all"));
  RecordProperty("snapshots_us", std::chrono::duration_cast<std::chrono::microseconds>(
                                     std::chrono::steady_clock::now() - before)
                                     .count());
  ASSERT_TRUE(taken) << taken.error().line();
  EXPECT_EQ(taken->size(), 20u);
}

// Every kind of file, in folders, renamed and linked between two rounds.
TEST_P(BtrfsVolumesTest, ATreeArrivesAsItIs) {
  const DatasetSpec made = filled("");
  const std::string live = here().path(made.id).value();
  const auto shell = [&](const std::string& script) {
    run_or_fail({"sh", "-ec", "cd \"$0\"; " + script, live});
  };
  shell(
      "mkdir -p a/b/c d; echo one > a/b/c/file; ln a/b/c/file d/hard; ln -s /etc/passwd d/soft;"
      "mkfifo a/fifo; mknod a/null c 1 3; chmod 4750 a/b; chown -R 7:8 a/b; setfacl -m u:9:r d"
      " 2>/dev/null || true; truncate -s 5M a/holes; touch -d @1000 a/b/c");
  const DatasetSnapshot one = take(made.id, "one");
  const DatasetSpec target = spec();
  Status moved = move(here(), made.id, "one", there(), target);
  ASSERT_TRUE(moved) << moved.error().line();
  const std::string list =
      "cd \"$0\"; find . -printf '%P %y %m %U:%G %s %l %n %T@\\n' | sort;"
      "find . -type f -exec sha256sum {} + | sort";
  const std::string arrived = there().path(target.id).value();
  EXPECT_EQ(run_or_fail({"sh", "-ec", list, arrived}), run_or_fail({"sh", "-ec", list, live}));
  shell("mv a/b d/moved; rm d/soft; rm -r a; mkdir a; echo two > a/new; ln d/moved/c/file a/again");
  take(made.id, "two");
  moved = move(here(), made.id, "two", there(), target, one.guid);
  ASSERT_TRUE(moved) << moved.error().line();
  EXPECT_EQ(run_or_fail({"sh", "-ec", list, arrived}), run_or_fail({"sh", "-ec", list, live}));
}

TEST(Confinement, LetsACommandWriteInOneFolderOnly) {
  const TemporaryFolder folder;
  const std::filesystem::path inside = folder.path() / "inside";
  std::filesystem::create_directory(inside);
  std::vector<std::string> argv = btrfs::confined_to(inside);
  if (argv.empty()) {
    // landlock(7): its third version is the first that knows truncation, the last of the rules.
    const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1);
    EXPECT_LT(version, 3) << "this kernel could confine it";
    return;
  }
  argv.insert(argv.end(), {"sh", "-c",
                           "cd \"$0\"; echo > in/side; echo > out; ln -s .. up;"
                           "echo > inside/up/out; mkdir inside/a inside/b;"
                           "echo > inside/a/x; mv inside/a/x inside/b; true",
                           folder.path()});
  (void)run({.argv = argv});
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out"));
  EXPECT_TRUE(std::filesystem::exists(inside / "b/x"));
}

// A subvolume that is being sent cannot be deleted; afterwards it can.
TEST_P(BtrfsVolumesTest, WhatIsBeingSentIsInUse) {
  const DatasetSpec made = filled("");
  put(made.id, noise(8 * kMiB), "more");
  take(made.id, "one");
  std::optional<Status> destroyed;
  const Status sent = here().send({made.id, SnapshotName("one"), ""},
                                  [&](std::string_view) -> Status {
                                    if (destroyed) return {};
                                    destroyed =
                                        here().destroy_snapshot(made.id, SnapshotName("one"));
                                    return {};
                                  },
                                  {});
  ASSERT_TRUE(sent) << sent.error().line();
  ASSERT_TRUE(destroyed);
  ASSERT_FALSE(*destroyed);
  EXPECT_EQ(destroyed->error().code, Code::conflict) << destroyed->error().line();
  EXPECT_EQ(find(made.id)->snapshots.size(), 1u);
  EXPECT_TRUE(here().destroy_snapshot(made.id, SnapshotName("one")));
}

TEST_P(BtrfsVolumesTest, PiecesOfAStreamAreLarge) {
  const DatasetSpec made = filled("");
  put(made.id, noise(4 * kMiB), "more");
  take(made.id, "one");
  size_t pieces = 0;
  ASSERT_TRUE(here().send({made.id, SnapshotName("one"), ""},
                          [&](std::string_view) -> Status {
                            ++pieces;
                            return {};
                          },
                          {}));
  EXPECT_LE(pieces, 4 * kMiB / (256 << 10) + 2);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Btrfs, VolumesContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Btrfs, VolumesStreamContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Btrfs, BtrfsVolumesTest, testing::Values(&make));

}  // namespace ployz::contract

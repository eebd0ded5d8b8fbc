// Destroying datasets and snapshots that others were cloned from: see zfs_volumes.h.

#include <algorithm>
#include <filesystem>
#include <format>

#include "drivers/zfs/mount_table.h"
#include "drivers/zfs/zfs_command.h"
#include "drivers/zfs/zfs_volumes.h"
#include "ports/volume_names.h"

namespace ployz {
namespace {

// Names in one command, well below the 128 KiB that an argument may have: each has 64 bytes at
// most.
constexpr size_t kDestroyAtOnce = 500;

std::string after_at(const std::string& name) {
  return name.substr(name.find('@') + 1);
}

// Somebody else may destroy the same: gone is gone.
Status gone(Result<std::string> done) {
  if (done || done.error().code == Code::not_found) return {};
  return fail(std::move(done).error());
}

}  // namespace

// Oldest first.
Result<std::vector<ZfsVolumes::HeldSnapshot>> ZfsVolumes::snapshots_of(const std::string& name) {
  std::vector<HeldSnapshot> snapshots;
  const std::string printed = TRY(zfs({"list", "-Hp", "-d", "1", "-t", "snapshot", "-s",
                                       "createtxg", "-o", "name,guid,clones,defer_destroy", name}));
  for (const auto& row : zfs_rows(printed)) {
    if (row.size() != 4) return fail(Code::corrupt, "zfs list prints other columns");
    snapshots.push_back({row[0], row[1], row[2], row[3] == "on"});
  }
  return snapshots;
}

// Gone with its last clone, at once if it has none. The other name first: a snapshot of the old one
// may be taken again, and after this nobody takes it for one of ours.
Status ZfsVolumes::give_up(HeldSnapshot snapshot) {
  if (!after_at(snapshot.name).starts_with(kGivenUp)) {
    const std::string other = std::format(
        "{}@{}{}", snapshot.name.substr(0, snapshot.name.find('@')), kGivenUp, snapshot.guid);
    TRY(gone(zfs({"rename", snapshot.name, other})));
    snapshot.name = other;
  }
  if (snapshot.deferred) return {};
  return gone(zfs({"destroy", "-d", snapshot.name}));
}

Status ZfsVolumes::destroy_snapshot(const DatasetId& dataset, const SnapshotName& name) {
  TRY(check_dataset_id(dataset));
  TRY(check_snapshot_name(name));
  const std::lock_guard lock(changing_);
  const std::string complete = name_of(dataset, name);
  auto destroyed = zfs({"destroy", complete});
  if (destroyed) return {};
  Error error = unreachable(std::move(destroyed).error());
  if (error.code == Code::not_found) return {};
  if (error.code != Code::conflict) return fail(std::move(error));
  const auto rows = zfs_rows(TRY(
      zfs({"list", "-Hp", "-t", "snapshot", "-o", "name,guid,clones,defer_destroy", complete})));
  if (rows.size() != 1 || rows[0].size() != 4 || rows[0][2].empty()) return fail(std::move(error));
  return give_up({rows[0][0], rows[0][1], rows[0][2], rows[0][3] == "on"});
}

// Afterwards nobody has it mounted, or it is as it was.
Status ZfsVolumes::unmount(const DatasetId& dataset) {
  const std::string name = name_of(dataset);
  const auto rows = zfs_rows(TRY(zfs({"list", "-H", "-o", "mounted", name})));
  const bool mounted = rows.size() == 1 && rows[0][0] == "yes";
  const auto conflict = [&](std::string_view who) {
    return fail(Code::conflict, std::format("dataset {} is in use by {}", dataset.str(), who),
                "stop what uses it; ployzctl ps shows containers");
  };
  if (mounted) {
    auto done = zfs({"unmount", name});
    if (!done && done.error().code == Code::conflict) return conflict("a process here");
    if (!done) return fail(std::move(done).error());
  }
  const std::string mounter = find_mounter(name);
  if (mounter.empty()) return {};
  if (mounted) TRY(zfs({"mount", name}));
  return conflict(mounter);
}

// The snapshots of `name` that clones need belong to one of these clones from now on.
Status ZfsVolumes::hand_over(const std::string& name) {
  std::vector<std::string> free;
  std::vector<HeldSnapshot> needed;
  for (HeldSnapshot& snapshot : TRY(snapshots_of(name))) {
    if (snapshot.clones.empty()) {
      free.push_back(after_at(snapshot.name));
    } else {
      needed.push_back(std::move(snapshot));
    }
  }
  for (size_t begin = 0; begin < free.size(); begin += kDestroyAtOnce) {
    std::string list;
    for (size_t i = begin; i < std::min(begin + kDestroyAtOnce, free.size()); ++i) {
      list += (list.empty() ? "" : ",") + free[i];
    }
    TRY(gone(zfs({"destroy", name + "@" + list})));
  }
  if (needed.empty()) return {};
  // Under their hidden names before they move: the clone may have some of the same.
  for (const HeldSnapshot& snapshot : needed) TRY(give_up(snapshot));
  // A clone of the newest takes all older ones with it. Ours if possible; they are equal in this.
  const std::string& clones = needed.back().clones;
  TRY(zfs({"promote", clones.substr(0, clones.find(','))}));
  return {};
}

Status ZfsVolumes::destroy(const DatasetId& dataset) {
  const std::lock_guard lock(changing_);
  if (TRY(look(dataset))) {
    const std::string name = name_of(dataset);
    TRY(unmount(dataset));
    TRY(hand_over(name));
    TRY(gone(zfs({"destroy", "-r", name})));
  }
  std::error_code ignored;  // absent, or not empty: then it is not ours
  std::filesystem::remove(config_.mounts / dataset.str(), ignored);
  return {};
}

}  // namespace ployz

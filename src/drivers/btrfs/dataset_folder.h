// How datasets lie in a btrfs pool, and how they appear and disappear.
//
//   datasets/<id>/meta.json              spec, origin, quota group
//   datasets/<id>/live                   the subvolume that containers mount
//   datasets/<id>/snapshots/<name>/data  read-only
//   incoming/<id>/…                      being made; renamed into datasets/ when it is complete
//   trash/<id>/…                         being destroyed; renamed out of datasets/ at first
//
// So datasets/ has only complete datasets, whenever the machine stops: what a crash leaves is in
// incoming/ or trash/ (or an empty snapshots/<name>), is not counted, and goes with the next call
// that makes or destroys the same id.
//
// Each snapshot is called `data` in a folder of its own, because a read-only subvolume cannot be
// moved from one folder to another (its ".." would change), but its folder can: that is how a
// received one gets its place by one rename, once it was verified.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "drivers/btrfs/quotas.h"
#include "drivers/btrfs/subvolume.h"
#include "model/dataset.h"

namespace ployz::btrfs {

struct Meta {
  DatasetSpec spec;
  std::optional<DatasetOrigin> origin;
  uint64_t created_at_ms = 0;
  uint64_t group = 0;  // of its quota; the id of its first live subvolume
  // What it refers to beyond what its quota group counts: a clone's beginning. Negative: what the
  // group counts beyond that. As it was when the live subvolume was made, or the quota set.
  int64_t outside_bytes = 0;
};

struct FoundSnapshot {
  SnapshotName name;
  Subvolume subvolume;
};

class DatasetFolder {
 public:
  // `place`: datasets/<id>, or one that becomes it.
  explicit DatasetFolder(std::filesystem::path place) : place_(std::move(place)) {}

  [[nodiscard]] const std::filesystem::path& place() const { return place_; }
  [[nodiscard]] std::filesystem::path live() const { return place_ / "live"; }
  [[nodiscard]] std::filesystem::path snapshot_folder(const SnapshotName& name) const {
    return place_ / "snapshots" / name.str();
  }
  [[nodiscard]] std::filesystem::path snapshot(const SnapshotName& name) const {
    return snapshot_folder(name) / "data";
  }

  // Nullopt: there is no dataset here. `corrupt`: its meta.json does not parse.
  [[nodiscard]] Result<std::optional<Meta>> meta() const;
  [[nodiscard]] Status write_meta(const Meta& meta) const;
  // Oldest first. Of an absent one: none.
  [[nodiscard]] Result<std::vector<FoundSnapshot>> snapshots() const;
  // Deletes everything, subvolumes included, and gives up its quota group. Absent: success.
  [[nodiscard]] Status remove(Quotas& quotas) const;

 private:
  std::filesystem::path place_;
};

[[nodiscard]] Status make_folder(const std::filesystem::path& path);
// Absent: success. Not empty: an error.
[[nodiscard]] Status remove_folder(const std::filesystem::path& path);
// rename(2) that is durable when it returns.
[[nodiscard]] Status move_folder(const std::filesystem::path& from,
                                 const std::filesystem::path& to);
// Both become the other, at one instant.
[[nodiscard]] Status exchange(const std::filesystem::path& one, const std::filesystem::path& other);
// The names in a folder, sorted; of an absent one: none.
[[nodiscard]] Result<std::vector<std::string>> names_in(const std::filesystem::path& folder);

}  // namespace ployz::btrfs

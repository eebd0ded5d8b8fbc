// Datasets: the filesystems that volumes are names for, and their snapshots, as found on a machine.
//
// A dataset has an id that never changes and is never reused. A commit maps a volume to a dataset;
// once a commit has moved the name to another dataset, nobody writes the former one again: it is the
// data of the commits that name it. A snapshot is named after the commit it was taken for, so that
//   dataset of C @ C          is a volume as it was when commit C was made, and
//   dataset of C @ (C's next) is it at the last moment before the next commit took over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/names.h"

namespace ployz {

// A commit's id, or one that a migration makes for its rounds.
using SnapshotName = Id<struct SnapshotNameTag>;

struct DatasetSnapshot {
  SnapshotName name;
  std::string guid;  // of the content: the same on every machine the snapshot was sent to
  uint64_t created_at_ms = 0;
  bool operator==(const DatasetSnapshot&) const = default;
};

// What a dataset was cloned or received from.
struct DatasetOrigin {
  DatasetId dataset;
  SnapshotName snapshot;
  bool operator==(const DatasetOrigin&) const = default;
};

// What a dataset is made with; kept beside it, so that its owner is found without the store.
struct DatasetSpec {
  DatasetId id;
  NamespaceName name_space;
  VolumeName volume;
  OperationId operation;  // that made it
  std::optional<uint64_t> quota_bytes;
  std::string mode = "0755";  // of the root folder of a new, empty one
  std::string owner = "0:0";
  bool operator==(const DatasetSpec&) const = default;
};

struct Dataset {
  DatasetSpec spec;
  std::optional<DatasetOrigin> origin;
  uint64_t created_at_ms = 0;
  uint64_t used_bytes = 0;                  // what it refers to, shared with its origin or not
  std::vector<DatasetSnapshot> snapshots;  // oldest first
  bool operator==(const Dataset&) const = default;

  [[nodiscard]] const DatasetSnapshot* snapshot(const SnapshotName& name) const;
};

// Where a machine keeps its datasets.
struct StoragePool {
  std::string driver;  // "btrfs", "zfs"; volumes move only between pools of one driver
  // Snapshots of several datasets are of one instant without anybody being paused.
  bool atomic_multi_snapshot = false;
  uint64_t size_bytes = 0;
  uint64_t free_bytes = 0;
  uint32_t overcommit_permille = 1000;  // quotas that may be promised, of the pool's size
  bool operator==(const StoragePool&) const = default;
};

[[nodiscard]] Json to_json(const Dataset& dataset);
[[nodiscard]] Result<Dataset> dataset_from_json(const Json& json);
[[nodiscard]] Json to_json(const DatasetSpec& spec);
[[nodiscard]] Result<DatasetSpec> dataset_spec_from_json(const Json& json);
[[nodiscard]] Json to_json(const StoragePool& pool);
[[nodiscard]] Result<StoragePool> storage_pool_from_json(const Json& json);

}  // namespace ployz

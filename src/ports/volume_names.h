// What datasets and snapshots may be called. Their names become folders (btrfs) and dataset names
// (ZFS) and come from other machines, so every implementation of Volumes checks them first.
#pragma once

#include "model/dataset.h"

namespace ployz {

// [a-z0-9][a-z0-9_.-]{0,62}. `invalid` otherwise.
[[nodiscard]] Status check_dataset_id(const DatasetId& dataset);
[[nodiscard]] Status check_snapshot_name(const SnapshotName& snapshot);

// Four octal digits at most, as chmod(1) takes them; "uid:gid" in numbers. `invalid` otherwise.
[[nodiscard]] Result<uint32_t> parse_mode(std::string_view mode);
struct OwnerIds {
  uint32_t uid = 0;
  uint32_t gid = 0;
};
[[nodiscard]] Result<OwnerIds> parse_owner(std::string_view owner);

}  // namespace ployz

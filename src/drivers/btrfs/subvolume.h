// Subvolumes of btrfs as values and Results (libbtrfsutil).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace ployz::btrfs {

struct Subvolume {
  uint64_t id = 0;  // rises with every subvolume made; never reused in a filesystem
  std::string uuid;
  std::string received_uuid;  // empty: not received
  bool read_only = false;
  uint64_t created_at_ms = 0;

  // Of the content: a received snapshot keeps that of the one it was sent from, over any number of
  // machines (btrfs-send(8): a stream names a received snapshot by its received UUID).
  [[nodiscard]] const std::string& guid() const {
    return received_uuid.empty() ? uuid : received_uuid;
  }
};

// Nullopt: there is no subvolume at this path.
[[nodiscard]] Result<std::optional<Subvolume>> find_subvolume(const std::filesystem::path& path);
[[nodiscard]] Status create_subvolume(const std::filesystem::path& path);
// Durable when it returns: the kernel commits a transaction for every snapshot.
[[nodiscard]] Status snapshot_subvolume(const std::filesystem::path& source,
                                        const std::filesystem::path& path, bool read_only);
// With the subvolumes inside (a container may make some). Absent: success. Its space is given back
// later, by the kernel.
[[nodiscard]] Status delete_subvolume(const std::filesystem::path& path);
// Makes the kernel begin to give that space back now and not within half a minute. Best effort.
void reclaim(const std::filesystem::path& pool);

}  // namespace ployz::btrfs

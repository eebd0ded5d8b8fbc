// Quotas of a btrfs filesystem, through the ioctls that btrfs-quota(8) uses.
//
// Simple quotas (Linux 6.7) count an extent for the subvolume that wrote it, until it is freed:
// they cost nothing, but what only a snapshot still holds counts for the dataset that wrote it.
// Classic ones count what a subvolume refers to and look for every owner of an extent at every
// commit: measured with 1,000 snapshots of 200 MB, a snapshot takes 18 ms with simple quotas (as
// without any) and over 600 ms with classic ones. So classic quotas serve only where a filesystem
// that was given to us has them, or the kernel no others.
//
// What a clone shares with its origin counts for nobody else, so the driver measures it and lowers
// the clone's limit by that: content never grows beyond the quota, and what was overwritten since
// the last clone or snapshot counts until that is gone.
//
// With simple quotas a dataset is a group (level 1): its live subvolume, what was received into it,
// and what a container makes below it, all together under one limit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

#include "base/result.h"

namespace ployz::btrfs {

enum class QuotaMode { none, classic, simple };

class Quotas {
 public:
  // `pool`: a folder of the filesystem. Turns simple quotas on, else classic ones, when it has
  // none.
  [[nodiscard]] static Result<Quotas> open(const std::filesystem::path& pool);

  [[nodiscard]] QuotaMode mode() const { return mode_; }

  // Repeating any of these is success. Groups exist only with simple quotas; else nothing is done.
  [[nodiscard]] Status ensure_group(uint64_t group);
  [[nodiscard]] Status add(uint64_t subvolume, uint64_t group);
  // Best effort: a group that stays is empty and harmless.
  void remove_group(uint64_t group);

  // Of the group, or (classic) of the live subvolume. `unsupported` without quotas.
  [[nodiscard]] Status set_limit(uint64_t group, uint64_t live, std::optional<uint64_t> bytes);
  // Bytes by group or (classic) by subvolume, as of the last transaction.
  [[nodiscard]] Result<std::map<uint64_t, uint64_t>> used();

 private:
  Quotas(std::filesystem::path pool, QuotaMode mode) : pool_(std::move(pool)), mode_(mode) {}
  std::filesystem::path pool_;  // no descriptor of it: that would keep it mounted
  QuotaMode mode_;
};

}  // namespace ployz::btrfs

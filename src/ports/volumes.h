// The datasets of this machine. Real: btrfs (src/drivers/btrfs) and ZFS (src/drivers/zfs).
//
// What it promises: a dataset is a filesystem of its own, found again by its id after any crash,
// with its spec beside it. Snapshots never change. A clone costs no copy and is independent: writes
// and destruction on either side never show on the other. Nothing is overwritten: every operation
// that brings data makes a new dataset under a new id.
//
// All calls block, are thread-safe, and may be repeated: what is there already as asked for is
// success. Common errors: `unavailable` (the pool is not there), `precondition` (the pool is full:
// hint says how to make room), `timeout` with effect unknown. An operation that fails leaves nothing
// of what it began, or says effect unknown; a process that died in the middle of one leaves at most
// what destroy() of the same id removes.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/dataset.h"

namespace ployz {

// Data, not code: what planners and the agent may count on.
struct VolumeCapabilities {
  std::string driver;  // "btrfs", "zfs"
  bool atomic_multi_snapshot = false;
  bool resumable_send = false;
  bool operator==(const VolumeCapabilities&) const = default;
};

// One snapshot as a stream of the driver's own format.
struct SendRequest {
  DatasetId dataset;
  SnapshotName snapshot;
  // The guid of an earlier snapshot that the receiver has: only the difference is sent. It may
  // belong to another dataset of this pool, which this one was cloned from. Empty: everything.
  std::string base_guid;
};

struct ReceiveRequest {
  DatasetSpec spec;        // of the dataset it becomes; it exists already in a later round
  SnapshotName snapshot;   // the name it gets here
  std::string guid;        // that the snapshot must have in the end
  std::string base_guid;   // of the snapshot here that the stream builds on; empty: of none
  DatasetOrigin origin;    // where it comes from, to be remembered
};

using StreamSink = std::function<Status(std::string_view bytes)>;
// Fills the buffer; 0 at the end.
using StreamSource = std::function<Result<size_t>(std::span<char> into)>;

class Volumes {
 public:
  virtual ~Volumes() = default;

  [[nodiscard]] virtual VolumeCapabilities capabilities() const = 0;
  // Size and free space; `overcommit_permille` is the configuration's and left alone.
  [[nodiscard]] virtual Result<StoragePool> pool() = 0;
  // Every dataset of Ployz, sorted by id.
  [[nodiscard]] virtual Result<std::vector<Dataset>> list() = 0;
  // Nullopt: no such dataset.
  [[nodiscard]] virtual Result<std::optional<Dataset>> find(const DatasetId& dataset) = 0;
  // The folder a container mounts. `not_found`. It exists only while the pool is mounted.
  [[nodiscard]] virtual Result<std::filesystem::path> path(const DatasetId& dataset) = 0;

  // New and empty, its root folder with the spec's mode and owner. `exists`: it is there for another
  // namespace or volume.
  [[nodiscard]] virtual Status ensure_dataset(const DatasetSpec& spec) = 0;
  // Of all of them, or of none; at one instant where capabilities say so. A dataset that has a
  // snapshot of this name keeps it as it is. `not_found`: a dataset is not here.
  [[nodiscard]] virtual Result<std::vector<DatasetSnapshot>> snapshot(
      const std::vector<DatasetId>& datasets, const SnapshotName& name) = 0;
  // A new writable dataset with the content of a snapshot. The spec's mode and owner are not applied.
  // `not_found`: source or snapshot; `exists`: the id is taken by something else.
  [[nodiscard]] virtual Status clone(const DatasetSpec& spec, const DatasetOrigin& source) = 0;
  // Nullopt: no limit. Below what is used already, every write fails. `not_found`.
  [[nodiscard]] virtual Status set_quota(const DatasetId& dataset,
                                         std::optional<uint64_t> quota_bytes) = 0;
  // With its snapshots. Clones of these stay as they are. Destroying the absent succeeds. `conflict`:
  // it is mounted by a process.
  [[nodiscard]] virtual Status destroy(const DatasetId& dataset) = 0;
  // Absent dataset or snapshot: success. Clones stay as they are: where the driver cannot do
  // without the snapshot, it goes with the last of them, and is not listed from now on.
  [[nodiscard]] virtual Status destroy_snapshot(const DatasetId& dataset,
                                                const SnapshotName& name) = 0;

  // Bytes that send() will about produce; 0 when the driver cannot tell.
  [[nodiscard]] virtual Result<uint64_t> send_size(const SendRequest& request) = 0;
  // `not_found`: dataset, snapshot, or base. An error of the sink ends it and is the result.
  [[nodiscard]] virtual Status send(const SendRequest& request, const StreamSink& sink,
                                    std::stop_token stop) = 0;
  // Makes the dataset, or brings it (in a later round, nobody has written it meanwhile) to the
  // snapshot received. `not_found`: the base is not here. `exists`: the id or the snapshot's name is
  // taken by something else. `corrupt`: the stream is cut, garbage, or not the snapshot `guid`. An
  // error of the source is the result. After any of them the dataset is as it was before the call
  // (absent, or at the former round's snapshot).
  [[nodiscard]] virtual Result<DatasetSnapshot> receive(const ReceiveRequest& request,
                                                        const StreamSource& source,
                                                        std::stop_token stop) = 0;
};

}  // namespace ployz

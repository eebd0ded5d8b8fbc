// Volumes on btrfs: a folder of a mounted filesystem, with a subvolume for each dataset and
// snapshot. dataset_folder.h says how they lie there and what a crash leaves; quotas.h, what counts
// towards a quota.
#pragma once

#include <memory>

#include "drivers/btrfs/dataset_folder.h"
#include "drivers/btrfs/id_locks.h"
#include "drivers/btrfs/quotas.h"
#include "ports/volumes.h"

namespace ployz {

class BtrfsVolumes final : public Volumes {
 public:
  // `root`: an existing folder on btrfs. Makes its folders, turns quotas on. `unavailable`: it is
  // not there or not on btrfs.
  [[nodiscard]] static Result<std::unique_ptr<BtrfsVolumes>> open(
      const std::filesystem::path& root);

  [[nodiscard]] VolumeCapabilities capabilities() const override;
  Result<StoragePool> pool() override;
  Result<std::vector<Dataset>> list() override;
  Result<std::optional<Dataset>> find(const DatasetId& dataset) override;
  Result<std::filesystem::path> path(const DatasetId& dataset) override;
  Status ensure_dataset(const DatasetSpec& spec) override;
  Result<std::vector<DatasetSnapshot>> snapshot(const std::vector<DatasetId>& datasets,
                                                const SnapshotName& name) override;
  Status clone(const DatasetSpec& spec, const DatasetOrigin& source) override;
  Status set_quota(const DatasetId& dataset, std::optional<uint64_t> quota_bytes) override;
  Status destroy(const DatasetId& dataset) override;
  Status destroy_snapshot(const DatasetId& dataset, const SnapshotName& name) override;
  Result<uint64_t> send_size(const SendRequest& request) override;
  Status send(const SendRequest& request, const StreamSink& sink, std::stop_token stop) override;
  Result<DatasetSnapshot> receive(const ReceiveRequest& request, const StreamSource& source,
                                  std::stop_token stop) override;

  [[nodiscard]] btrfs::QuotaMode quota_mode() const { return quotas_.mode(); }

 private:
  struct Held {  // a dataset that is here
    btrfs::DatasetFolder folder;
    btrfs::Meta meta;
  };
  struct Base {  // a snapshot that a stream builds on
    DatasetId dataset;
    std::filesystem::path path;
  };

  BtrfsVolumes(std::filesystem::path root, btrfs::Quotas quotas)
      : root_(std::move(root)), quotas_(std::move(quotas)) {}

  // The pool is mounted.
  Status check_present() const;
  [[nodiscard]] btrfs::DatasetFolder folder(const DatasetId& dataset) const;
  [[nodiscard]] std::filesystem::path incoming(const DatasetId& dataset) const;
  Result<Held> held(const DatasetId& dataset) const;
  Result<btrfs::Subvolume> held_snapshot(const Held& held, const SnapshotName& name) const;
  // False: absent. `exists`: of another volume, or (when given) another origin.
  Result<bool> is_there(const DatasetSpec& spec, const DatasetOrigin* origin) const;
  Result<Dataset> describe(const Held& held, const std::map<uint64_t, uint64_t>& used) const;
  Result<uint64_t> used_by(const DatasetId& dataset);
  // Lets the group have what the quota leaves beside Meta::outside_bytes.
  Status limit(const btrfs::Meta& meta, uint64_t live);
  // Meta::outside_bytes of a dataset whose live subvolume has this content.
  Result<int64_t> outside_of(const std::filesystem::path& content, uint64_t group);

  // Makes a dataset in incoming/ by `fill` (its live subvolume at least), then shows it.
  Status build(btrfs::Meta meta, const std::function<Status(const btrfs::DatasetFolder&)>& fill);
  Status show(const btrfs::DatasetFolder& made, btrfs::Meta meta);
  Status discard_incoming(const DatasetId& dataset);
  Status take_missing(const std::vector<Held>& missing, const SnapshotName& name);

  Result<Base> find_base(const std::string& guid) const;
  Result<std::optional<DatasetSnapshot>> received(const ReceiveRequest& request) const;
  Status place_first(const ReceiveRequest& request);
  Status place_later(const ReceiveRequest& request);
  [[nodiscard]] Status check_arrived(const ReceiveRequest& request) const;

  const std::filesystem::path root_;
  btrfs::Quotas quotas_;
  btrfs::IdLocks locks_;
};

}  // namespace ployz

// The Volumes port on ZFS. A dataset is the filesystem `<root>/<id>`, mounted at `<mounts>/<id>`
// and by zfs-mount.service at boot, before the container engine; its spec is in user properties
// (zfs_listing.h). Every change is one `zfs` command, which ZFS does whole or not at all.
//
// Destroying what has clones: ZFS lets the snapshot that a clone came from go only with the clone.
// So a dataset hands such snapshots over to a clone (`zfs promote`) under a name nobody sees, to be
// destroyed by ZFS itself with the last clone (`zfs destroy -d`).
#pragma once

#include <map>
#include <mutex>

#include "drivers/zfs/zfs_listing.h"
#include "ports/volumes.h"

namespace ployz {

struct ZfsConfig {
  // Made when it is absent and its pool is there. Datasets of others below it are left alone.
  std::string root = "tank/ployz";
  std::filesystem::path mounts = "/var/lib/ployz/volumes";
};

class ZfsVolumes final : public Volumes {
 public:
  explicit ZfsVolumes(ZfsConfig config) : config_(std::move(config)) {}

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

 private:
  [[nodiscard]] std::string name_of(const DatasetId& dataset) const {
    return config_.root + "/" + dataset.str();
  }
  [[nodiscard]] std::string name_of(const DatasetId& dataset, const SnapshotName& snapshot) const {
    return name_of(dataset) + "@" + snapshot.str();
  }
  [[nodiscard]] std::vector<std::string> creation(const DatasetSpec& spec,
                                                  const DatasetOrigin* origin, bool making) const;
  [[nodiscard]] Status ensure_root();
  [[nodiscard]] Error unreachable(Error error) const;
  [[nodiscard]] Result<std::optional<ZfsDataset>> look(const DatasetId& dataset);
  [[nodiscard]] Result<Dataset> existing(const DatasetId& dataset);
  [[nodiscard]] Result<std::filesystem::path> mount(const DatasetId& dataset);
  [[nodiscard]] Result<std::vector<std::optional<DatasetSnapshot>>> snapshots_named(
      const std::vector<DatasetId>& datasets, const SnapshotName& name);
  [[nodiscard]] Status limit(const DatasetId& dataset, std::optional<uint64_t> quota_bytes,
                             std::vector<std::string> also);
  [[nodiscard]] Status finish(const DatasetSpec& spec);

  struct HeldSnapshot {
    std::string name;  // complete
    std::string guid;
    std::string clones;  // complete names, with commas between
    bool deferred = false;
  };
  [[nodiscard]] Result<std::vector<HeldSnapshot>> snapshots_of(const std::string& name);
  [[nodiscard]] Status give_up(HeldSnapshot snapshot);
  [[nodiscard]] Status unmount(const DatasetId& dataset);
  [[nodiscard]] Status hand_over(const std::string& name);

  [[nodiscard]] Result<std::vector<std::string>> send_arguments(const SendRequest& request);
  [[nodiscard]] Result<std::string> find_by_guid(const std::string& guid,
                                                 const DatasetId& preferred);
  [[nodiscard]] Result<std::vector<std::string>> receive_arguments(
      const ReceiveRequest& request, const std::optional<ZfsDataset>& before);
  [[nodiscard]] Status feed(std::vector<std::string> arguments, std::string_view header,
                            const StreamSource& source, const std::stop_token& stop, bool& taken);
  [[nodiscard]] Result<std::string> read_header(const ReceiveRequest& request,
                                                const StreamSource& source);
  [[nodiscard]] Result<DatasetSnapshot> settle(const ReceiveRequest& request, bool new_dataset);

  const ZfsConfig config_;
  // What is several commands: making a dataset, and destroying, where two would promote each
  // other's clones. Taken before the other.
  std::mutex changing_;
  std::mutex mounting_;
};

}  // namespace ployz

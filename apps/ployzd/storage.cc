#include "storage.h"

#include <format>

#include "base/files.h"
#include "drivers/btrfs/btrfs_volumes.h"
#include "drivers/btrfs/loopback_pool.h"
#include "drivers/zfs/zfs_volumes.h"
#include "paths.h"

namespace ployz {
namespace {

Paths paths_of(const Config& config) {
  return Paths{config.data_dir};
}

}  // namespace

Result<std::unique_ptr<Volumes>> open_volumes(const Config& config) {
  if (!config.storage.zfs_root.empty()) {
    auto zfs = std::make_unique<ZfsVolumes>(
        ZfsConfig{config.storage.zfs_root, paths_of(config).zfs_mounts()});
    TRY(zfs->pool());  // says what is missing
    return zfs;
  }
  const bool in_a_file = config.storage.btrfs_root.empty();
  const std::filesystem::path root =
      in_a_file ? paths_of(config).pool() : std::filesystem::path(config.storage.btrfs_root);
  Result<std::unique_ptr<BtrfsVolumes>> opened = BtrfsVolumes::open(root);
  if (opened) return std::move(*opened);
  if (in_a_file) opened.error().hint = "systemctl status ployz-pool";
  return fail(std::move(opened).error());
}

// Every call first sees to it that the driver is open: after a start of the machine the pool's unit
// may be slower than the daemon, or be repaired while the daemon runs.
class Storage::Opened final : public Volumes {
 public:
  explicit Opened(const Config& config) : config_(config) {}

  Result<std::shared_ptr<Volumes>> open() const {
    const std::lock_guard lock(mutex_);
    if (!driver_) driver_ = TRY(open_volumes(config_));
    return driver_;
  }
  // The pool has gone. Should there be one again, it is another: what opening makes in it is not there.
  void close() {
    const std::lock_guard lock(mutex_);
    driver_ = nullptr;
  }

  VolumeCapabilities capabilities() const override {
    const auto driver = open();
    if (driver) return (*driver)->capabilities();
    return {config_.storage.zfs_root.empty() ? "btrfs" : "zfs", false, false};
  }
  Result<StoragePool> pool() override { return TRY(open())->pool(); }
  Result<std::vector<Dataset>> list() override { return TRY(open())->list(); }
  Result<std::optional<Dataset>> find(const DatasetId& dataset) override {
    return TRY(open())->find(dataset);
  }
  Result<std::filesystem::path> path(const DatasetId& dataset) override {
    return TRY(open())->path(dataset);
  }
  Status ensure_dataset(const DatasetSpec& spec) override {
    return TRY(open())->ensure_dataset(spec);
  }
  Result<std::vector<DatasetSnapshot>> snapshot(const std::vector<DatasetId>& datasets,
                                                const SnapshotName& name) override {
    return TRY(open())->snapshot(datasets, name);
  }
  Status clone(const DatasetSpec& spec, const DatasetOrigin& source) override {
    return TRY(open())->clone(spec, source);
  }
  Status set_quota(const DatasetId& dataset, std::optional<uint64_t> quota_bytes) override {
    return TRY(open())->set_quota(dataset, quota_bytes);
  }
  Status destroy(const DatasetId& dataset) override { return TRY(open())->destroy(dataset); }
  Status destroy_snapshot(const DatasetId& dataset, const SnapshotName& name) override {
    return TRY(open())->destroy_snapshot(dataset, name);
  }
  Result<uint64_t> send_size(const SendRequest& request) override {
    return TRY(open())->send_size(request);
  }
  Status send(const SendRequest& request, const StreamSink& sink, std::stop_token stop) override {
    return TRY(open())->send(request, sink, std::move(stop));
  }
  Result<DatasetSnapshot> receive(const ReceiveRequest& request, const StreamSource& source,
                                  std::stop_token stop) override {
    return TRY(open())->receive(request, source, std::move(stop));
  }

 private:
  const Config& config_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<Volumes> driver_;
};

Storage::Storage(Config config, Units& units) : config_(std::move(config)), units_(units) {}

Storage::~Storage() = default;

bool Storage::in_a_file() const {
  return config_.storage.zfs_root.empty() && config_.storage.btrfs_root.empty();
}

bool Storage::is_expected() const {
  std::error_code error;
  return !in_a_file() || std::filesystem::exists(paths_of(config_).pool_file(), error);
}

Volumes* Storage::volumes() {
  const std::lock_guard lock(mutex_);
  if (!opened_ && is_expected()) opened_ = std::make_unique<Opened>(config_);
  return opened_.get();
}

Status Storage::ensure() {
  if (in_a_file()) {
    const Paths paths = paths_of(config_);
    TRY(btrfs::ensure_pool_file(paths.pool_file(), config_.storage.loopback_size_bytes));
    TRY(btrfs::make_folder(paths.pool()));
    TRY(units_.ensure_started(unit::kPool));
  }
  (void)volumes();  // the pool is there from now on
  return opened_->open().transform([](const auto&) {});
}

Status Storage::ensure(const std::function<void(std::string)>& progress) {
  const Status ensured = ensure();
  if (ensured) {
    progress("storage pool is mounted");
    return {};
  }
  if (!in_a_file()) return ensured;
  progress("no storage pool, so this machine keeps no volumes: " + ensured.error().line());
  return {};
}

Status Storage::remove() {
  Volumes* const all = volumes();
  if (all == nullptr) return {};
  if (!in_a_file()) {
    for (const Dataset& dataset : TRY(all->list())) TRY(all->destroy(dataset.spec.id));
    return {};
  }
  TRY(units_.ensure_stopped(unit::kPool));
  if (open_volumes(config_)) {
    return fail(Code::conflict, "the storage pool is still mounted: something uses it",
                "journalctl -u ployz-pool");
  }
  opened_->close();
  TRY(remove_file(paths_of(config_).pool_file()));
  return btrfs::remove_folder(paths_of(config_).pool());
}

}  // namespace ployz

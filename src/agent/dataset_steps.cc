#include "agent/dataset_steps.h"

#include <format>

namespace ployz {
namespace {

// A snapshot takes milliseconds. Writers are not held up longer by a pool that hangs.
constexpr std::chrono::milliseconds kSnapshotPause{5000};

Json nothing() { return Json::object(); }

Result<Json> result_of(const Status& status) {
  if (!status) return fail(status.error());
  return nothing();
}

}  // namespace

std::unexpected<Error> keeps_no_volumes() {
  return fail(Code::unsupported, "this machine keeps no volumes",
              "give it a pool: [storage] in config.toml");
}

Result<Volumes*> DatasetSteps::volumes() const {
  if (volumes_ == nullptr) return keeps_no_volumes();
  return volumes_;
}

Result<Json> DatasetSteps::ensure(const EnsureDataset& action) {
  return result_of(TRY(volumes())->ensure_dataset(action.spec));
}

Result<Json> DatasetSteps::clone(const CloneDataset& action) {
  return result_of(TRY(volumes())->clone(action.spec, action.source));
}

// What is not there on a machine without volumes is destroyed.
Result<Json> DatasetSteps::destroy(const DestroyDataset& action) {
  if (volumes_ == nullptr) return nothing();
  return result_of(volumes_->destroy(action.dataset));
}

Result<Json> DatasetSteps::destroy_snapshots(const DestroySnapshots& action) {
  if (volumes_ == nullptr) return nothing();
  for (const DatasetId& dataset : action.datasets) {
    TRY(volumes_->destroy_snapshot(dataset, action.snapshot));
  }
  return nothing();
}

Result<Json> DatasetSteps::set_quota(const SetQuota& action) {
  return result_of(TRY(volumes())->set_quota(action.dataset, action.quota_bytes));
}

// All of the snapshots are there already, of one instant. A former life may have been cut off between
// two of them; then these are of another instant than the rest would be, so they go.
Result<bool> DatasetSteps::taken_before(const SnapshotDatasets& action) {
  std::vector<DatasetId> present;
  for (const DatasetId& id : action.datasets) {
    const auto dataset = TRY(volumes_->find(id));
    if (dataset && dataset->snapshot(action.snapshot) != nullptr) present.push_back(id);
  }
  if (present.size() == action.datasets.size()) return true;
  for (const DatasetId& id : present) TRY(volumes_->destroy_snapshot(id, action.snapshot));
  return false;
}

Result<Json> DatasetSteps::snapshot(const OperationId& operation, const SnapshotDatasets& action) {
  Volumes* const volumes = TRY(this->volumes());
  // Without a pause nobody asks for one instant: those that another step has taken stay.
  if (action.pause.empty()) {
    TRY(volumes->snapshot(action.datasets, action.snapshot));
    return Json{{"paused_us", 0u}};
  }
  if (TRY(taken_before(action))) return Json{{"paused_us", 0u}};
  TRY(pauses_.pause(operation, action.pause, kSnapshotPause));
  const auto taken = volumes->snapshot(action.datasets, action.snapshot);
  auto resumed = pauses_.resume(operation, action.pause);
  if (taken && resumed) return resumed;
  if (!taken) return fail(taken.error());
  // Taken, but perhaps not of one instant. If these cannot be removed now, the step's undo does it.
  for (const DatasetId& id : action.datasets) {
    (void)volumes->destroy_snapshot(id, action.snapshot);
  }
  return resumed;
}

Result<std::vector<BoundMount>> DatasetSteps::mounts_of(const RunInstance& run) {
  std::vector<BoundMount> mounts;
  for (const Mount& mount : run.spec.mounts) {
    const auto dataset = run.datasets.find(mount.volume);
    if (dataset == run.datasets.end()) {
      return fail(Code::invalid, std::format("instance {} mounts volume {}, which has no dataset",
                                             run.instance.str(), mount.volume.str()));
    }
    const auto folder = TRY(volumes())->path(dataset->second);
    if (!folder) {
      return fail(Error(folder.error()).at(std::format("volume {}", mount.volume.str())));
    }
    mounts.push_back({folder->string(), mount.target, mount.read_only});
  }
  return mounts;
}

}  // namespace ployz

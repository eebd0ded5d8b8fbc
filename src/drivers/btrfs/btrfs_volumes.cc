#include "drivers/btrfs/btrfs_volumes.h"

#include <algorithm>
#include <cerrno>
#include <format>
#include <thread>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drivers/btrfs/content_size.h"
#include "drivers/btrfs/mounts.h"
#include "drivers/btrfs/os_error.h"
#include "ports/volume_names.h"

namespace ployz {

using btrfs::DatasetFolder;
using btrfs::FoundSnapshot;
using btrfs::Meta;
using btrfs::os_error;
using btrfs::QuotaMode;
using btrfs::Subvolume;

namespace {

// Snapshots of one call at a time: those that run together share the kernel's transaction, whose
// commit is what takes the time.
constexpr size_t kParallelSnapshots = 16;

// Files of a clone that are counted in any case: some 50 ms.
constexpr size_t kQuicklyMeasured = 10'000;

bool is_btrfs(const std::filesystem::path& folder) {
  struct statfs facts{};
  return ::statfs(folder.c_str(), &facts) == 0 && facts.f_type == BTRFS_SUPER_MAGIC;
}

DatasetSnapshot facts_of(const FoundSnapshot& found) {
  return {found.name, found.subvolume.guid(), found.subvolume.created_at_ms};
}

Status set_root(const std::filesystem::path& live, const DatasetSpec& spec) {
  const uint32_t mode = TRY(parse_mode(spec.mode));
  const OwnerIds owner = TRY(parse_owner(spec.owner));
  // In this order: chown(2) clears set-user-ID bits.
  if (::chown(live.c_str(), owner.uid, owner.gid) != 0) return os_error("chown", live, errno);
  if (::chmod(live.c_str(), mode) != 0) return os_error("chmod", live, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<BtrfsVolumes>> BtrfsVolumes::open(const std::filesystem::path& root) {
  if (!is_btrfs(root)) {
    return fail(Code::unavailable, std::format("{} is not on a btrfs filesystem", root.string()),
                "mount one there, or leave [storage] btrfs_root out for a pool in a file");
  }
  for (const char* name : {"datasets", "incoming", "trash"}) {
    TRY(btrfs::make_folder(root / name));
  }
  // Containers reach their data by mounts, nobody else by this path.
  if (::chmod((root / "datasets").c_str(), 0700) != 0) return os_error("chmod", root, errno);
  btrfs::Quotas quotas = TRY(btrfs::Quotas::open(root));
  return std::unique_ptr<BtrfsVolumes>(new BtrfsVolumes(root, std::move(quotas)));
}

VolumeCapabilities BtrfsVolumes::capabilities() const {
  return {"btrfs", false, false};
}

Status BtrfsVolumes::check_present() const {
  std::error_code error;
  if (is_btrfs(root_) && std::filesystem::is_directory(root_ / "datasets", error)) return {};
  return fail(Code::unavailable, std::format("the storage pool {} is not mounted", root_.string()),
              "systemctl status ployz-pool");
}

DatasetFolder BtrfsVolumes::folder(const DatasetId& dataset) const {
  return DatasetFolder(root_ / "datasets" / dataset.str());
}

std::filesystem::path BtrfsVolumes::incoming(const DatasetId& dataset) const {
  return root_ / "incoming" / dataset.str();
}

Result<StoragePool> BtrfsVolumes::pool() {
  TRY(check_present());
  struct statvfs facts{};
  if (::statvfs(root_.c_str(), &facts) != 0) return os_error("statvfs", root_, errno);
  StoragePool pool;
  pool.driver = capabilities().driver;
  pool.atomic_multi_snapshot = capabilities().atomic_multi_snapshot;
  pool.size_bytes = static_cast<uint64_t>(facts.f_blocks) * facts.f_frsize;
  pool.free_bytes = static_cast<uint64_t>(facts.f_bavail) * facts.f_frsize;
  return pool;
}

Result<BtrfsVolumes::Held> BtrfsVolumes::held(const DatasetId& dataset) const {
  TRY(check_dataset_id(dataset));
  TRY(check_present());
  const DatasetFolder place = folder(dataset);
  std::optional<Meta> meta = TRY(place.meta());
  if (meta) return Held{place, std::move(*meta)};
  return fail(Code::not_found, std::format("no dataset {} is here", dataset.str()));
}

Result<Subvolume> BtrfsVolumes::held_snapshot(const Held& held, const SnapshotName& name) const {
  TRY(check_snapshot_name(name));
  const auto found = TRY(btrfs::find_subvolume(held.folder.snapshot(name)));
  if (found && found->read_only) return *found;
  return fail(Code::not_found,
              std::format("dataset {} has no snapshot {}", held.meta.spec.id.str(), name.str()));
}

Result<bool> BtrfsVolumes::is_there(const DatasetSpec& spec, const DatasetOrigin* origin) const {
  const std::optional<Meta> meta = TRY(folder(spec.id).meta());
  if (!meta) return false;
  if (meta->spec.name_space == spec.name_space && meta->spec.volume == spec.volume &&
      (origin == nullptr || meta->origin == *origin)) {
    return true;
  }
  return fail(Code::exists, std::format("dataset {} is there as {}/{}", spec.id.str(),
                                        meta->spec.name_space.str(), meta->spec.volume.str()));
}

Result<Dataset> BtrfsVolumes::describe(const Held& held,
                                       const std::map<uint64_t, uint64_t>& used) const {
  Dataset dataset{held.meta.spec, held.meta.origin, held.meta.created_at_ms, 0, {}};
  uint64_t counter = held.meta.group;
  int64_t bytes = held.meta.outside_bytes;
  if (quotas_.mode() == QuotaMode::classic) {
    const auto live = TRY(btrfs::find_subvolume(held.folder.live()));
    counter = live ? live->id : 0;
    bytes = 0;
  }
  if (const auto found = used.find(counter); found != used.end()) {
    bytes += static_cast<int64_t>(found->second);
  }
  dataset.used_bytes = static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
  for (const FoundSnapshot& one : TRY(held.folder.snapshots())) {
    dataset.snapshots.push_back(facts_of(one));
  }
  return dataset;
}

Result<std::vector<Dataset>> BtrfsVolumes::list() {
  TRY(check_present());
  const std::map<uint64_t, uint64_t> used = TRY(quotas_.used());
  std::vector<Dataset> datasets;
  for (const std::string& name : TRY(btrfs::names_in(root_ / "datasets"))) {
    const DatasetFolder place = folder(DatasetId(name));
    std::optional<Meta> meta = TRY(place.meta());
    if (!meta) continue;  // it is just being destroyed
    datasets.push_back(TRY(describe({place, std::move(*meta)}, used)));
  }
  return datasets;
}

Result<std::optional<Dataset>> BtrfsVolumes::find(const DatasetId& dataset) {
  const Result<Held> found = held(dataset);
  if (!found && found.error().code == Code::not_found) return std::nullopt;
  if (!found) return std::unexpected(found.error());
  return TRY(describe(*found, TRY(quotas_.used())));
}

Result<std::filesystem::path> BtrfsVolumes::path(const DatasetId& dataset) {
  return TRY(held(dataset)).folder.live();
}

Status BtrfsVolumes::ensure_dataset(const DatasetSpec& spec) {
  TRY(check_dataset_id(spec.id));
  TRY(parse_mode(spec.mode));
  TRY(parse_owner(spec.owner));
  TRY(check_present());
  const auto lock = locks_.hold({spec.id});
  if (TRY(is_there(spec, nullptr))) return {};
  return build({.spec = spec, .origin = {}}, [&](const DatasetFolder& made) -> Status {
    TRY(btrfs::create_subvolume(made.live()));
    return set_root(made.live(), spec);
  });
}

Status BtrfsVolumes::clone(const DatasetSpec& spec, const DatasetOrigin& source) {
  TRY(check_dataset_id(spec.id));
  TRY(check_present());
  const auto lock = locks_.hold({spec.id});
  if (TRY(is_there(spec, &source))) return {};
  const Held from = TRY(held(source.dataset));
  TRY(held_snapshot(from, source.snapshot));
  Meta meta{.spec = spec, .origin = source};
  // At most this, since it includes what has been overwritten; a little more with each clone of a
  // clone, so it is measured before it matters.
  const uint64_t bound = TRY(used_by(source.dataset));
  const bool matters = spec.quota_bytes && bound > *spec.quota_bytes / 2;
  const auto measured = TRY(btrfs::content_bytes(from.folder.snapshot(source.snapshot),
                                                 matters ? SIZE_MAX : kQuicklyMeasured));
  meta.outside_bytes = static_cast<int64_t>(measured.value_or(bound));
  return build(std::move(meta), [&](const DatasetFolder& made) -> Status {
    return btrfs::snapshot_subvolume(from.folder.snapshot(source.snapshot), made.live(), false);
  });
}

Result<uint64_t> BtrfsVolumes::used_by(const DatasetId& dataset) {
  const auto found = TRY(find(dataset));
  return found ? found->used_bytes : 0;
}

Status BtrfsVolumes::limit(const Meta& meta, uint64_t live) {
  std::optional<uint64_t> bytes = meta.spec.quota_bytes;
  if (bytes && quotas_.mode() == QuotaMode::simple) {
    // At least a byte: nothing fits, and it is a limit.
    bytes = static_cast<uint64_t>(
        std::max<int64_t>(static_cast<int64_t>(*bytes) - meta.outside_bytes, 1));
  }
  return quotas_.set_limit(meta.group, live, bytes);
}

Result<int64_t> BtrfsVolumes::outside_of(const std::filesystem::path& content, uint64_t group) {
  if (quotas_.mode() != QuotaMode::simple) return 0;
  const auto measured = TRY(btrfs::content_bytes(content, SIZE_MAX));
  btrfs::reclaim(root_);  // commits: what is counted is what was written
  const auto used = TRY(quotas_.used());
  const auto counted = used.find(group);
  return static_cast<int64_t>(*measured) -
         (counted == used.end() ? 0 : static_cast<int64_t>(counted->second));
}

Status BtrfsVolumes::build(Meta meta, const std::function<Status(const DatasetFolder&)>& fill) {
  const DatasetId id = meta.spec.id;
  TRY(discard_incoming(id));
  const auto make = [&]() -> Status {
    const DatasetFolder made(incoming(id) / "dataset");
    TRY(btrfs::make_folder(made.place() / "snapshots"));
    TRY(fill(made));
    return show(made, std::move(meta));
  };
  Status made = make();
  const Status cleaned = discard_incoming(id);
  if (!made && !cleaned) made.error().effect = Effect::unknown;
  return made;
}

// The last step is the one that makes it exist.
Status BtrfsVolumes::show(const DatasetFolder& made, Meta meta) {
  const auto live = TRY(btrfs::find_subvolume(made.live()));
  if (!live) return fail(Code::internal, "a dataset without its subvolume");
  meta.group = live->id;
  meta.created_at_ms = live->created_at_ms;
  TRY(quotas_.ensure_group(meta.group));
  TRY(quotas_.add(live->id, meta.group));
  const std::vector<FoundSnapshot> received = TRY(made.snapshots());
  for (const FoundSnapshot& one : received) {
    TRY(quotas_.add(one.subvolume.id, meta.group));
    meta.outside_bytes = TRY(outside_of(made.snapshot(one.name), meta.group));
  }
  if (meta.spec.quota_bytes) TRY(limit(meta, live->id));
  TRY(made.write_meta(meta));
  return btrfs::move_folder(made.place(), folder(meta.spec.id).place());
}

Status BtrfsVolumes::discard_incoming(const DatasetId& dataset) {
  const std::filesystem::path place = incoming(dataset);
  TRY(DatasetFolder(place / "dataset").remove(quotas_));
  TRY(btrfs::delete_subvolume(place / "live"));
  for (const std::string& name : TRY(btrfs::names_in(place / "arriving"))) {
    TRY(btrfs::delete_subvolume(place / "arriving" / name));
  }
  TRY(btrfs::remove_folder(place / "arriving"));
  return btrfs::remove_folder(place);
}

Result<std::vector<DatasetSnapshot>> BtrfsVolumes::snapshot(const std::vector<DatasetId>& datasets,
                                                            const SnapshotName& name) {
  TRY(check_snapshot_name(name));
  TRY(check_present());
  const auto lock = locks_.hold(datasets);
  std::vector<Held> all;
  std::vector<Held> missing;
  for (const DatasetId& id : datasets) {
    all.push_back(TRY(held(id)));
    if (!held_snapshot(all.back(), name)) missing.push_back(all.back());
  }
  if (Status taken = take_missing(missing, name); !taken) {
    for (const Held& one : missing) {
      if (!btrfs::delete_subvolume(one.folder.snapshot(name))) {
        taken.error().effect = Effect::unknown;
      }
      (void)btrfs::remove_folder(one.folder.snapshot_folder(name));
    }
    return std::unexpected(std::move(taken).error());
  }
  std::vector<DatasetSnapshot> snapshots;
  for (const Held& one : all) {
    snapshots.push_back(facts_of({name, TRY(held_snapshot(one, name))}));
  }
  return snapshots;
}

Status BtrfsVolumes::take_missing(const std::vector<Held>& missing, const SnapshotName& name) {
  for (const Held& one : missing) TRY(btrfs::make_folder(one.folder.snapshot_folder(name)));
  std::vector<Status> taken(missing.size());
  const auto take = [&](size_t at) {
    const DatasetFolder& place = missing[at].folder;
    taken[at] = btrfs::snapshot_subvolume(place.live(), place.snapshot(name), true);
  };
  for (size_t at = 0; at < missing.size(); at += kParallelSnapshots) {
    std::vector<std::jthread> others;
    const size_t end = std::min(missing.size(), at + kParallelSnapshots);
    for (size_t other = at + 1; other < end; ++other) others.emplace_back(take, other);
    take(at);
  }
  for (Status& one : taken) TRY(std::move(one));
  return {};
}

Status BtrfsVolumes::set_quota(const DatasetId& dataset, std::optional<uint64_t> quota_bytes) {
  const auto lock = locks_.hold({dataset});
  Held one = TRY(held(dataset));
  const auto live = TRY(btrfs::find_subvolume(one.folder.live()));
  one.meta.spec.quota_bytes = quota_bytes;
  if (quota_bytes) one.meta.outside_bytes = TRY(outside_of(one.folder.live(), one.meta.group));
  // Written after it is in force: after a crash in between the call is repeated.
  TRY(limit(one.meta, live ? live->id : 0));
  return one.folder.write_meta(one.meta);
}

Status BtrfsVolumes::destroy(const DatasetId& dataset) {
  TRY(check_dataset_id(dataset));
  TRY(check_present());
  const auto lock = locks_.hold({dataset});
  const DatasetFolder place = folder(dataset);
  const DatasetFolder trash(root_ / "trash" / dataset.str());
  TRY(trash.remove(quotas_));  // of a crash
  std::error_code error;
  if (std::filesystem::exists(place.place(), error)) {
    if (TRY(btrfs::is_mounted(std::format("datasets/{}/live", dataset.str())))) {
      return fail(Code::conflict, std::format("dataset {} is mounted by a process", dataset.str()),
                  "stop what uses it");
    }
    TRY(btrfs::move_folder(place.place(), trash.place()));
    TRY(trash.remove(quotas_));
  }
  TRY(discard_incoming(dataset));
  btrfs::reclaim(root_);
  return {};
}

Status BtrfsVolumes::destroy_snapshot(const DatasetId& dataset, const SnapshotName& name) {
  TRY(check_dataset_id(dataset));
  TRY(check_snapshot_name(name));
  TRY(check_present());
  const auto lock = locks_.hold({dataset});
  TRY(btrfs::delete_subvolume(folder(dataset).snapshot(name)));
  return btrfs::remove_folder(folder(dataset).snapshot_folder(name));
}

}  // namespace ployz

#include "drivers/zfs/zfs_volumes.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <format>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "base/subprocess.h"
#include "drivers/zfs/zfs_command.h"
#include "ports/volume_names.h"

namespace ployz {
namespace {

bool same_volume(const DatasetSpec& a, const DatasetSpec& b) {
  return a.name_space == b.name_space && a.volume == b.volume;
}

std::unexpected<Error> taken(const Dataset& dataset) {
  return fail(Code::exists,
              std::format("dataset {} is there already: volume {} of {}", dataset.spec.id.str(),
                          dataset.spec.volume.str(), dataset.spec.name_space.str()));
}

std::unexpected<Error> absent(const DatasetId& dataset) {
  return fail(Code::not_found, std::format("there is no dataset {} here", dataset.str()));
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Status apply_mode_and_owner(const std::filesystem::path& folder, const DatasetSpec& spec) {
  const uint32_t mode = TRY(parse_mode(spec.mode));
  const OwnerIds owner = TRY(parse_owner(spec.owner));
  // In this order: a change of owner takes set-ID bits away.
  if (::chown(folder.c_str(), owner.uid, owner.gid) != 0 || ::chmod(folder.c_str(), mode) != 0) {
    return fail(Code::unavailable, std::format("mode and owner of {}: {}", folder.string(),
                                               std::generic_category().message(errno)));
  }
  return {};
}

std::string property(std::optional<uint64_t> bytes) {
  return bytes ? std::to_string(*bytes) : "none";
}

}  // namespace

VolumeCapabilities ZfsVolumes::capabilities() const {
  // `zfs receive -s` keeps what has arrived, but what a resumed stream builds on is only known to
  // its token: the port has no words for it yet.
  return {"zfs", true, false};
}

// What zfs says of an absent dataset it also says when the pool is not imported.
Error ZfsVolumes::unreachable(Error error) const {
  if (error.code != Code::not_found) return error;
  if (zfs({"list", "-H", "-o", "name", config_.root})) return error;
  return {Code::unavailable,
          Effect::none,
          std::format("the ZFS pool of {} is not there", config_.root),
          "zpool import",
          {}};
}

Status ZfsVolumes::ensure_root() {
  if (zfs({"list", "-H", "-o", "name", config_.root})) return {};
  auto made = zfs({"create", "-p", "-o", "canmount=off", config_.root});
  if (made || made.error().code == Code::exists) return {};
  return fail(unreachable(std::move(made).error()));
}

Result<StoragePool> ZfsVolumes::pool() {
  TRY(ensure_root());
  const auto rows = zfs_rows(TRY(zfs({"list", "-Hp", "-o", "used,available", config_.root})));
  const auto used = rows.size() == 1 ? number(rows[0].at(0)) : std::nullopt;
  const auto available = rows.size() == 1 ? number(rows[0].at(1)) : std::nullopt;
  if (!used || !available) {
    return fail(Code::corrupt, "zfs list prints no sizes of " + config_.root);
  }
  StoragePool pool{.driver = "zfs", .atomic_multi_snapshot = true};
  pool.size_bytes = *used + *available;
  pool.free_bytes = *available;
  return pool;
}

Result<std::vector<Dataset>> ZfsVolumes::list() {
  TRY(ensure_root());
  const std::string printed = TRY(zfs({"list", "-Hp", "-r", "-t", "filesystem,snapshot", "-o",
                                       std::string(kDatasetColumns), config_.root}));
  std::vector<Dataset> datasets;
  for (auto& [id, found] : TRY(parse_datasets(printed, config_.root))) {
    datasets.push_back(std::move(found.dataset));
  }
  return datasets;
}

Result<std::optional<ZfsDataset>> ZfsVolumes::look(const DatasetId& dataset) {
  TRY(check_dataset_id(dataset));
  auto printed = zfs({"list", "-Hp", "-d", "1", "-t", "filesystem,snapshot", "-o",
                      std::string(kDatasetColumns), name_of(dataset)});
  if (!printed) {
    Error error = unreachable(std::move(printed).error());
    if (error.code == Code::not_found) return std::nullopt;
    // Nothing was ever made here: then nothing is in it either.
    if (error.code == Code::unavailable && ensure_root()) return std::nullopt;
    return fail(std::move(error));
  }
  auto found = TRY(parse_datasets(*printed, config_.root));
  const auto it = found.find(dataset);
  if (it != found.end()) return std::move(it->second);
  return fail(Code::exists, name_of(dataset) + " is there and not of Ployz", "zfs rename it away");
}

Result<std::optional<Dataset>> ZfsVolumes::find(const DatasetId& dataset) {
  auto found = TRY(look(dataset));
  if (!found) return std::nullopt;
  return std::move(found->dataset);
}

Result<Dataset> ZfsVolumes::existing(const DatasetId& dataset) {
  auto found = TRY(look(dataset));
  if (!found) return absent(dataset);
  return std::move(found->dataset);
}

// Without this, what is written goes into the empty folder below the mount point.
Result<std::filesystem::path> ZfsVolumes::mount(const DatasetId& dataset) {
  // Two `zfs mount` at once get into each other's way.
  const std::lock_guard lock(mounting_);
  const std::string name = name_of(dataset);
  for (const bool tried : {false, true}) {
    auto printed = zfs({"list", "-Hp", "-o", "mounted,mountpoint", name});
    if (!printed) return fail(unreachable(std::move(printed).error()));
    const auto rows = zfs_rows(*printed);
    if (rows.size() == 1 && rows[0].size() == 2 && rows[0][0] == "yes") return rows[0][1];
    if (tried) break;
    // Somebody else may have been faster.
    if (auto mounted = zfs({"mount", name}); !mounted && mounted.error().code != Code::internal) {
      return fail(std::move(mounted).error());
    }
  }
  return fail(Code::unavailable, name + " does not mount", "zfs mount " + name);
}

Result<std::filesystem::path> ZfsVolumes::path(const DatasetId& dataset) {
  TRY(existing(dataset));
  return mount(dataset);
}

std::vector<std::string> ZfsVolumes::creation(const DatasetSpec& spec, const DatasetOrigin* origin,
                                              bool making) const {
  // devices=off: what looks like a disk in a volume is none. atime=off: reading changes nothing.
  std::vector<std::string> arguments{
      "-o", "canmount=on", "-o", "devices=off",
      "-o", "atime=off",   "-o", "mountpoint=" + (config_.mounts / spec.id.str()).string()};
  const auto properties = spec_properties(spec, origin, making);
  arguments.insert(arguments.end(), properties.begin(), properties.end());
  return arguments;
}

Status ZfsVolumes::ensure_dataset(const DatasetSpec& spec) {
  TRY(parse_mode(spec.mode));
  TRY(parse_owner(spec.owner));
  const std::lock_guard lock(changing_);
  auto found = TRY(look(spec.id));
  if (!found) {
    TRY(ensure_root());
    std::vector<std::string> arguments = creation(spec, nullptr, true);
    arguments.insert(arguments.begin(), "create");
    arguments.push_back(name_of(spec.id));
    TRY(zfs(std::move(arguments)));
    found = TRY(look(spec.id));
    if (!found) return fail(Code::internal, name_of(spec.id) + " went away while it was made");
  }
  if (!same_volume(found->dataset.spec, spec)) return taken(found->dataset);
  if (!found->making) return {};
  TRY(apply_mode_and_owner(TRY(mount(spec.id)), spec));
  return finish(spec);
}

// The last touch. Its quota comes with it, because that may need more than one attempt.
Status ZfsVolumes::finish(const DatasetSpec& spec) {
  return limit(spec.id, spec.quota_bytes, {"ployz:state=ready"});
}

// refquota, and not quota: snapshots are not the container's. ZFS refuses one below what is used;
// the nearest to what was asked for is then exactly that, which lets nobody write either.
Status ZfsVolumes::limit(const DatasetId& dataset, std::optional<uint64_t> quota_bytes,
                         std::vector<std::string> also) {
  constexpr int kAttempts = 5;  // "used" grows while a writer's last transactions reach the disk
  std::optional<uint64_t> effective = quota_bytes;
  for (int attempt = 1;; ++attempt) {
    std::vector<std::string> arguments{"set", "refquota=" + property(effective),
                                       "ployz:quota=" + property(quota_bytes)};
    arguments.insert(arguments.end(), also.begin(), also.end());
    arguments.push_back(name_of(dataset));
    auto set = zfs(std::move(arguments));
    if (set) return {};
    if (set.error().code != Code::precondition || !quota_bytes || attempt == kAttempts) {
      return fail(std::move(set).error());
    }
    effective = std::max(*quota_bytes, TRY(existing(dataset)).used_bytes);
  }
}

Status ZfsVolumes::set_quota(const DatasetId& dataset, std::optional<uint64_t> quota_bytes) {
  TRY(existing(dataset));
  return limit(dataset, quota_bytes, {});
}

// In the order of `datasets`; nullopt: that one has none.
Result<std::vector<std::optional<DatasetSnapshot>>> ZfsVolumes::snapshots_named(
    const std::vector<DatasetId>& datasets, const SnapshotName& name) {
  std::vector<std::string> arguments{"list", "-Hp", "-t", "snapshot", "-o", "name,guid,creation"};
  for (const DatasetId& id : datasets) arguments.push_back(name_of(id, name));
  // Its exit status tells of the absent ones; it prints the others all the same.
  const auto done = TRY(run(zfs_command(std::move(arguments))));
  std::map<std::string, DatasetSnapshot> found;
  for (const auto& row : zfs_rows(done.out)) {
    if (row.size() != 3) return fail(Code::corrupt, "zfs list prints other columns");
    found[row[0]] = {name, row[1], number(row[2]).value_or(0) * 1000};
  }
  std::vector<std::optional<DatasetSnapshot>> result;
  for (const DatasetId& id : datasets) {
    const auto it = found.find(name_of(id, name));
    result.push_back(it == found.end() ? std::nullopt : std::optional(it->second));
  }
  return result;
}

Result<std::vector<DatasetSnapshot>> ZfsVolumes::snapshot(const std::vector<DatasetId>& datasets,
                                                          const SnapshotName& name) {
  TRY(check_snapshot_name(name));
  std::vector<std::string> missing{"snapshot"};
  for (const DatasetId& id : datasets) {
    TRY(check_dataset_id(id));
    missing.push_back(name_of(id, name));
  }
  if (datasets.empty()) return {};
  // Without looking first: some thousand snapshots are no reason for a step to take longer.
  auto made = zfs(missing);
  if (!made && made.error().code == Code::exists) {
    const auto there = TRY(snapshots_named(datasets, name));
    missing.resize(1);
    for (size_t i = 0; i < datasets.size(); ++i) {
      if (!there[i]) missing.push_back(name_of(datasets[i], name));
    }
    if (missing.size() > 1) made = zfs(missing);
    if (missing.size() == 1) made = std::string();
  }
  if (!made) return fail(unreachable(std::move(made).error()));
  std::vector<DatasetSnapshot> taken_now;
  for (const auto& each : TRY(snapshots_named(datasets, name))) {
    if (!each) return fail(Code::internal, name.str() + " went away while it was taken");
    taken_now.push_back(*each);
  }
  return taken_now;
}

Status ZfsVolumes::clone(const DatasetSpec& spec, const DatasetOrigin& source) {
  TRY(check_snapshot_name(source.snapshot));
  const auto found = TRY(look(spec.id));
  if (found) {
    if (!same_volume(found->dataset.spec, spec) || found->dataset.origin != source) {
      return taken(found->dataset);
    }
    return found->making ? finish(spec) : Status{};
  }
  const Dataset from = TRY(existing(source.dataset));
  if (!from.snapshot(source.snapshot)) {
    return fail(Code::not_found, std::format("dataset {} has no snapshot {}", source.dataset.str(),
                                             source.snapshot.str()));
  }
  // With a quota there is a second command, and until that the clone is one in the making.
  std::vector<std::string> arguments = creation(spec, &source, spec.quota_bytes.has_value());
  arguments.insert(arguments.begin(), "clone");
  arguments.push_back(name_of(source.dataset, source.snapshot));
  arguments.push_back(name_of(spec.id));
  TRY(zfs(std::move(arguments)));
  return spec.quota_bytes ? finish(spec) : Status{};
}

}  // namespace ployz

#include "drivers/btrfs/dataset_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <format>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/files.h"
#include "base/json.h"
#include "drivers/btrfs/os_error.h"

namespace ployz::btrfs {
namespace {

constexpr uint64_t kVersion = 1;

Json meta_to_json(const Meta& meta) {
  Json json;
  json["version"] = kVersion;
  json["spec"] = to_json(meta.spec);
  if (meta.origin) {
    json["origin"] = {{"dataset", meta.origin->dataset.str()},
                      {"snapshot", meta.origin->snapshot.str()}};
  }
  json["created_at_ms"] = meta.created_at_ms;
  json["group"] = meta.group;
  json["outside_bytes"] = meta.outside_bytes;
  return json;
}

Result<Meta> meta_from_json(const Json& json) {
  if (TRY(get_uint(json, "version")) != kVersion) {
    return fail(Code::unsupported, "it was written by a newer Ployz");
  }
  Meta meta;
  meta.spec = TRY(dataset_spec_from_json(TRY(get_object(json, "spec"))));
  if (json.contains("origin")) {
    const Json origin = TRY(get_object(json, "origin"));
    meta.origin = DatasetOrigin{DatasetId(TRY(get_string(origin, "dataset"))),
                                SnapshotName(TRY(get_string(origin, "snapshot")))};
  }
  meta.created_at_ms = TRY(get_uint(json, "created_at_ms"));
  meta.group = TRY(get_uint(json, "group"));
  meta.outside_bytes = TRY(get_int(json, "outside_bytes"));
  return meta;
}

Status sync_folder(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return os_error("fsync", path, errno);
  return {};
}

}  // namespace

Result<std::optional<Meta>> DatasetFolder::meta() const {
  const std::filesystem::path file = place_ / "meta.json";
  const std::optional<std::string> text = TRY(read_file(file));
  if (!text) return std::nullopt;
  const Result<Json> json = parse_json(*text);
  if (!json) return fail(Code::corrupt, std::format("{}: {}", file.string(), json.error().message));
  Result<Meta> meta = meta_from_json(*json);
  if (!meta) return fail(Code::corrupt, std::format("{}: {}", file.string(), meta.error().message));
  return std::move(*meta);
}

Status DatasetFolder::write_meta(const Meta& meta) const {
  return write_file(place_ / "meta.json", to_text(meta_to_json(meta)) + "\n", 0600);
}

Result<std::vector<FoundSnapshot>> DatasetFolder::snapshots() const {
  std::vector<FoundSnapshot> found;
  for (std::string& name : TRY(names_in(place_ / "snapshots"))) {
    FoundSnapshot snapshot{SnapshotName(std::move(name)), {}};
    const auto subvolume = TRY(find_subvolume(this->snapshot(snapshot.name)));
    // Not read-only: somebody has tampered with it. Only the folder: a crash.
    if (!subvolume || !subvolume->read_only) continue;
    snapshot.subvolume = *subvolume;
    found.push_back(std::move(snapshot));
  }
  // By id, not by time: the clock may have jumped.
  std::ranges::sort(found, {}, [](const FoundSnapshot& one) { return one.subvolume.id; });
  return found;
}

Status DatasetFolder::remove(Quotas& quotas) const {
  const std::optional<Subvolume> live_one = TRY(find_subvolume(live()));
  const Result<std::optional<Meta>> known = meta();
  // What it would have got, when it is not complete.
  const uint64_t live_id = live_one ? live_one->id : 0;
  const uint64_t group = known && *known ? (*known)->group : live_id;
  // Deleting needs a little metadata, which a dataset at its limit does not get.
  if (group != 0) (void)quotas.set_limit(group, live_id, std::nullopt);
  for (const std::string& name : TRY(names_in(place_ / "snapshots"))) {
    TRY(delete_subvolume(snapshot(SnapshotName(name))));
    TRY(remove_folder(snapshot_folder(SnapshotName(name))));
  }
  TRY(delete_subvolume(live()));
  if (group != 0) quotas.remove_group(group);
  // Anything else in it is a file that a crash in the middle of a write has left.
  std::error_code error;
  std::filesystem::remove_all(place_, error);
  if (error) return os_error("removing", place_, error.value());
  return {};
}

Status make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return os_error("making", path, error.value());
  return {};
}

Status remove_folder(const std::filesystem::path& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  return os_error("removing", path, errno);
}

Status move_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return os_error("moving to", to, errno);
  return sync_folder(to.parent_path());
}

Status exchange(const std::filesystem::path& one, const std::filesystem::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) != 0) {
    return os_error("exchanging", other, errno);
  }
  return sync_folder(other.parent_path());
}

Result<std::vector<std::string>> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error.value() == ENOENT) return names;
  while (!error && entries != std::filesystem::directory_iterator()) {
    names.push_back(entries->path().filename().string());
    entries.increment(error);
  }
  if (error) return os_error("reading", folder, error.value());
  std::ranges::sort(names);
  return names;
}

}  // namespace ployz::btrfs

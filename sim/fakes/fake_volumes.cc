#include "sim/fakes/fake_volumes.h"

#include <algorithm>
#include <array>
#include <format>

#include "base/digest.h"
#include "ports/volume_names.h"
#include "sim/fakes/fake_volume_stream.h"

namespace ployz::sim {
namespace {

constexpr size_t kPiece = 64 << 10;  // of a stream
constexpr uint64_t kOwnBytes = 64;    // what the pool itself needs for one more dataset or snapshot

std::unexpected<Error> failed(Fate fate) {
  if (fate == Fate::refused) return fail(Code::unavailable, "the storage pool does not answer");
  return fail(Code::timeout, "the storage pool did not answer in time", "", Effect::unknown);
}

std::unexpected<Error> full() {
  return fail(Code::precondition, "the storage pool is full", "ployzctl volume prune");
}

}  // namespace

template <class Effect>
auto FakeVolumes::call(std::string_view name, const std::string& detail, Effect effect)
    -> decltype(effect()) {
  const Fate fate = hook_.enter(name, detail, Kind::local);
  if (fate == Fate::refused || fate == Fate::never) return failed(fate);
  auto result = [&] {
    const std::lock_guard lock(mutex_);
    return effect();
  }();
  if (!result) {
    if (result.error().code == Code::precondition) hook_.leave(name, "full");
    return result;
  }
  if (fate != Fate::normal) return failed(fate);
  hook_.leave(name, "done");
  return result;
}

VolumeCapabilities FakeVolumes::capabilities() const {
  return {pool_.driver, pool_.atomic_multi_snapshot, false};
}

Result<StoragePool> FakeVolumes::pool() {
  return call("volumes.pool", "", [&]() -> Result<StoragePool> {
    StoragePool pool;
    pool.driver = pool_.driver;
    pool.atomic_multi_snapshot = pool_.atomic_multi_snapshot;
    pool.size_bytes = pool_.size_bytes;
    pool.free_bytes = pool_.size_bytes - std::min(pool_.size_bytes, used_locked());
    return pool;
  });
}

Result<std::vector<Dataset>> FakeVolumes::list() {
  return call("volumes.list", "", [&]() -> Result<std::vector<Dataset>> {
    std::vector<Dataset> found;
    for (const auto& [id, entry] : datasets_) found.push_back(describe_locked(entry));
    return found;
  });
}

std::vector<Dataset> FakeVolumes::all() {
  const std::lock_guard lock(mutex_);
  std::vector<Dataset> found;
  for (const auto& [id, entry] : datasets_) found.push_back(describe_locked(entry));
  return found;
}

Result<std::optional<Dataset>> FakeVolumes::find(const DatasetId& dataset) {
  return call("volumes.find", dataset.str(), [&]() -> Result<std::optional<Dataset>> {
    const auto it = datasets_.find(dataset);
    if (it == datasets_.end()) return std::nullopt;
    return describe_locked(it->second);
  });
}

Result<std::filesystem::path> FakeVolumes::path(const DatasetId& dataset) {
  return call("volumes.path", dataset.str(), [&]() -> Result<std::filesystem::path> {
    TRY(entry_locked(dataset));
    return std::filesystem::path("/pool") / dataset.str();
  });
}

Status FakeVolumes::create(const std::string& name, const DatasetId& id,
                           const std::function<Result<bool>()>& check,
                           const std::function<Result<Entry>()>& make) {
  TRY(check_dataset_id(id));
  const bool there = TRY(call(name, id.str(), [&]() -> Result<bool> {
    if (TRY(check())) return true;
    leftovers_.insert(id);
    return false;
  }));
  if (there) return {};
  Status made = call(name + "_finish", id.str(), [&]() -> Status {
    // Somebody else may have been quicker: two calls at the same instant make one dataset.
    if (!TRY(check())) {
      TRY(room_locked(kOwnBytes));
      const auto made = datasets_.insert_or_assign(id, TRY(make())).first;
      tell_locked(VolumeEvent::Kind::made, made->second);
    }
    leftovers_.erase(id);
    return {};
  });
  if (!made && made.error().effect == Effect::none) {
    const std::lock_guard lock(mutex_);
    leftovers_.erase(id);
  }
  return made;
}

Status FakeVolumes::ensure_dataset(const DatasetSpec& spec) {
  TRY(parse_mode(spec.mode));
  TRY(parse_owner(spec.owner));
  const auto check = [&] { return is_there_locked(spec, std::nullopt); };
  return create("volumes.ensure", spec.id, check, [&]() -> Result<Entry> {
    return Entry{spec, std::nullopt, clock_.wall_ms(), {}, {}};
  });
}

Status FakeVolumes::clone(const DatasetSpec& spec, const DatasetOrigin& source) {
  const auto check = [&]() -> Result<bool> {
    if (TRY(is_there_locked(spec, source))) return true;
    TRY(snapshot_locked(source.dataset, source.snapshot));
    return false;
  };
  return create("volumes.clone", spec.id, check, [&]() -> Result<Entry> {
    const Snapshot* origin = TRY(snapshot_locked(source.dataset, source.snapshot));
    return Entry{spec, source, clock_.wall_ms(), origin->files, {}};
  });
}

Result<bool> FakeVolumes::is_there_locked(const DatasetSpec& spec,
                                          const std::optional<DatasetOrigin>& origin) {
  const auto it = datasets_.find(spec.id);
  if (it == datasets_.end()) return false;
  const Entry& entry = it->second;
  if (entry.spec.name_space == spec.name_space && entry.spec.volume == spec.volume &&
      entry.origin == origin) {
    return true;
  }
  return fail(Code::exists, std::format("dataset {} is there as {}/{}", spec.id.str(),
                                        entry.spec.name_space.str(), entry.spec.volume.str()));
}

Result<std::vector<DatasetSnapshot>> FakeVolumes::snapshot(const std::vector<DatasetId>& datasets,
                                                           const SnapshotName& name) {
  TRY(check_snapshot_name(name));
  return call("volumes.snapshot", name.str(), [&]() -> Result<std::vector<DatasetSnapshot>> {
    for (const DatasetId& id : datasets) TRY(entry_locked(id));
    TRY(room_locked(kOwnBytes));
    std::vector<DatasetSnapshot> taken;
    for (const DatasetId& id : datasets) {
      Entry& entry = datasets_.at(id);
      const auto found = std::ranges::find(entry.snapshots, name,
                                           [](const Snapshot& one) { return one.facts.name; });
      if (found == entry.snapshots.end()) {
        const std::string seed =
            std::format("{}/{}@{}#{}", pool_.name, id.str(), name.str(), ++snapshots_taken_);
        const std::string guid = short_digest(sha256_digest(seed));
        entry.snapshots.push_back({{name, guid, clock_.wall_ms()}, entry.files});
        tell_locked(VolumeEvent::Kind::snapshot, entry, &entry.snapshots.back());
        taken.push_back(entry.snapshots.back().facts);
      } else {
        taken.push_back(found->facts);
      }
    }
    return taken;
  });
}

Status FakeVolumes::set_quota(const DatasetId& dataset, std::optional<uint64_t> quota_bytes) {
  return call("volumes.set_quota", dataset.str(), [&]() -> Status {
    TRY(entry_locked(dataset))->spec.quota_bytes = quota_bytes;
    return {};
  });
}

Status FakeVolumes::destroy(const DatasetId& dataset) {
  TRY(check_dataset_id(dataset));
  std::function<bool(const DatasetId&)> mounted;
  {
    const std::lock_guard lock(mutex_);
    mounted = mounted_;
  }
  // Asked before the lock: it asks the fake of containers.
  if (mounted && mounted(dataset)) {
    return fail(Code::conflict, std::format("dataset {} is mounted", dataset.str()));
  }
  TRY(call("volumes.destroy", dataset.str(), [&]() -> Status {
    const auto it = datasets_.find(dataset);
    if (it == datasets_.end()) return {};
    tell_locked(VolumeEvent::Kind::destroyed, it->second);
    datasets_.erase(it);
    leftovers_.insert(dataset);
    return {};
  }));
  return call("volumes.destroy_finish", dataset.str(), [&]() -> Status {
    leftovers_.erase(dataset);
    return {};
  });
}

Status FakeVolumes::destroy_snapshot(const DatasetId& dataset, const SnapshotName& name) {
  return call("volumes.destroy_snapshot", dataset.str() + "@" + name.str(), [&]() -> Status {
    const auto it = datasets_.find(dataset);
    if (it == datasets_.end()) return {};
    std::erase_if(it->second.snapshots, [&](const Snapshot& one) {
      if (one.facts.name != name) return false;
      tell_locked(VolumeEvent::Kind::snapshot_destroyed, it->second, &one);
      return true;
    });
    return {};
  });
}

Result<uint64_t> FakeVolumes::send_size(const SendRequest& request) {
  return call("volumes.send_size", request.dataset.str(),
              [&]() -> Result<uint64_t> { return TRY(stream_locked(request)).size(); });
}

Status FakeVolumes::send(const SendRequest& request, const StreamSink& sink, std::stop_token stop) {
  const std::string bytes =
      TRY(call("volumes.send", request.dataset.str() + "@" + request.snapshot.str(),
               [&] { return stream_locked(request); }));
  for (size_t at = 0; at < bytes.size(); at += kPiece) {
    if (stop.stop_requested()) return fail(Code::canceled, "sending a snapshot was stopped");
    TRY(sink(std::string_view(bytes).substr(at, kPiece)));
  }
  return {};
}

Result<std::string> FakeVolumes::stream_locked(const SendRequest& request) {
  const Snapshot* sent = TRY(snapshot_locked(request.dataset, request.snapshot));
  FakeStream stream{sent->facts.guid, request.base_guid, {}};
  Files base;
  if (!request.base_guid.empty()) {
    const Snapshot* found = by_guid_locked(request.base_guid);
    if (found == nullptr) {
      return fail(Code::not_found, std::format("no snapshot {} is here", request.base_guid));
    }
    base = found->files;
  }
  for (const auto& [name, text] : base) {
    if (!sent->files.contains(name)) stream.changes[name] = std::nullopt;
  }
  for (const auto& [name, text] : sent->files) {
    const auto before = base.find(name);
    if (before == base.end() || *before->second != *text) stream.changes[name] = *text;
  }
  return write_stream(stream);
}

Result<DatasetSnapshot> FakeVolumes::receive(const ReceiveRequest& request,
                                             const StreamSource& source, std::stop_token stop) {
  TRY(check_dataset_id(request.spec.id));
  TRY(check_snapshot_name(request.snapshot));
  const std::string detail = request.spec.id.str() + "@" + request.snapshot.str();
  const std::optional<DatasetSnapshot> there = TRY(call("volumes.receive", detail, [&] {
    auto received = received_locked(request);
    if (received && !*received) leftovers_.insert(request.spec.id);
    return received;
  }));
  if (there) return *there;
  const auto take = [&]() -> Result<DatasetSnapshot> {
    std::string bytes;
    std::array<char, 4096> piece{};
    while (const size_t got = TRY(source(piece))) {
      if (stop.stop_requested()) return fail(Code::canceled, "receiving a snapshot was stopped");
      bytes.append(piece.data(), got);
    }
    return call("volumes.receive_finish", detail, [&]() -> Result<DatasetSnapshot> {
      if (const auto received = TRY(received_locked(request))) return *received;
      Files files = TRY(apply_locked(request, bytes));
      Entry& entry = datasets_[request.spec.id];
      if (entry.spec.id.empty()) {
        entry = {request.spec, request.origin, clock_.wall_ms(), {}, {}};
      }
      entry.snapshots.push_back({{request.snapshot, request.guid, clock_.wall_ms()}, files});
      entry.files = std::move(files);
      leftovers_.erase(request.spec.id);
      tell_locked(VolumeEvent::Kind::received, entry, &entry.snapshots.back());
      return entry.snapshots.back().facts;
    });
  };
  Result<DatasetSnapshot> received = take();
  if (!received && received.error().effect == Effect::none) {
    const std::lock_guard lock(mutex_);
    leftovers_.erase(request.spec.id);
  }
  return received;
}

Result<std::optional<DatasetSnapshot>> FakeVolumes::received_locked(const ReceiveRequest& request) {
  if (const auto it = datasets_.find(request.spec.id); it != datasets_.end()) {
    // Of any origin: a later round may come from elsewhere.
    TRY(is_there_locked(request.spec, it->second.origin));
    for (const Snapshot& one : it->second.snapshots) {
      if (one.facts.name != request.snapshot) continue;
      if (one.facts.guid == request.guid) return one.facts;
      return fail(Code::exists, std::format("dataset {} has another snapshot {}",
                                            request.spec.id.str(), request.snapshot.str()));
    }
  }
  if (!request.base_guid.empty() && by_guid_locked(request.base_guid) == nullptr) {
    return fail(Code::not_found, std::format("no snapshot {} is here", request.base_guid));
  }
  return std::nullopt;
}

Result<FakeVolumes::Files> FakeVolumes::apply_locked(const ReceiveRequest& request,
                                                     std::string_view bytes) {
  const FakeStream stream = TRY(read_stream(bytes));
  if (stream.guid != request.guid || stream.base_guid != request.base_guid) {
    return fail(Code::corrupt,
                std::format("the stream is of snapshot {} on '{}', not {} on '{}'", stream.guid,
                            stream.base_guid, request.guid, request.base_guid));
  }
  Files files;
  if (!stream.base_guid.empty()) files = by_guid_locked(stream.base_guid)->files;
  for (const auto& [name, text] : stream.changes) {
    if (text) {
      files[name] = std::make_shared<const std::string>(*text);
      at_most_used_ += text->size();
    } else {
      files.erase(name);
    }
  }
  if (used_locked(files) > pool_.size_bytes) return full();
  return files;
}

Status FakeVolumes::write(const DatasetId& dataset, std::string text, const std::string& file) {
  const std::lock_guard lock(mutex_);
  return write_locked(*TRY(entry_locked(dataset)), std::move(text), file);
}

Status FakeVolumes::append(const DatasetId& dataset, std::string_view text) {
  const std::lock_guard lock(mutex_);
  Entry& entry = *TRY(entry_locked(dataset));
  const auto before = entry.files.find("data");
  std::string all = before == entry.files.end() ? std::string() : *before->second;
  return write_locked(entry, all.append(text), "data");
}

Status FakeVolumes::write_locked(Entry& entry, std::string text, const std::string& file) {
  Files files = entry.files;
  files[file] = std::make_shared<const std::string>(std::move(text));
  if (entry.spec.quota_bytes && size_of(files) > *entry.spec.quota_bytes) {
    return fail(Code::precondition, std::format("the quota of {} is reached", entry.spec.id.str()));
  }
  TRY(room_locked(files[file]->size()));
  entry.files = std::move(files);
  tell_locked(VolumeEvent::Kind::written, entry);
  return {};
}

// That much is taken from now on, as far as anybody counts.
Status FakeVolumes::room_locked(uint64_t bytes) {
  at_most_used_ += bytes;
  if (at_most_used_ <= pool_.size_bytes) return {};
  at_most_used_ = used_locked() + bytes;
  if (at_most_used_ <= pool_.size_bytes) return {};
  return full();
}

void FakeVolumes::resize(uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  pool_.size_bytes = size_bytes;
}

void FakeVolumes::tell_locked(VolumeEvent::Kind kind, const Entry& entry, const Snapshot* snapshot) {
  if (!observer_) return;
  const Files& files = snapshot == nullptr ? entry.files : snapshot->files;
  const auto data = files.find("data");
  observer_({kind, entry.spec, snapshot == nullptr ? SnapshotName() : snapshot->facts.name,
             data == files.end() ? std::string_view() : std::string_view(*data->second)});
}

std::optional<std::string> FakeVolumes::content(const DatasetId& dataset, const std::string& file) {
  const std::lock_guard lock(mutex_);
  const auto entry = entry_locked(dataset);
  if (!entry || !(*entry)->files.contains(file)) return std::nullopt;
  return *(*entry)->files.at(file);
}

std::optional<std::string> FakeVolumes::content(const DatasetId& dataset,
                                                const SnapshotName& snapshot,
                                                const std::string& file) {
  const std::lock_guard lock(mutex_);
  const auto found = snapshot_locked(dataset, snapshot);
  if (!found || !(*found)->files.contains(file)) return std::nullopt;
  return *(*found)->files.at(file);
}

std::set<DatasetId> FakeVolumes::leftovers() {
  const std::lock_guard lock(mutex_);
  return leftovers_;
}

void FakeVolumes::mounted_by(std::function<bool(const DatasetId&)> mounted) {
  const std::lock_guard lock(mutex_);
  mounted_ = std::move(mounted);
}

Result<FakeVolumes::Entry*> FakeVolumes::entry_locked(const DatasetId& dataset) {
  const auto it = datasets_.find(dataset);
  if (it != datasets_.end()) return &it->second;
  return fail(Code::not_found, std::format("no dataset {} is here", dataset.str()));
}

Result<const FakeVolumes::Snapshot*> FakeVolumes::snapshot_locked(const DatasetId& dataset,
                                                                  const SnapshotName& name) {
  for (const Snapshot& one : TRY(entry_locked(dataset))->snapshots) {
    if (one.facts.name == name) return &one;
  }
  return fail(Code::not_found,
              std::format("dataset {} has no snapshot {}", dataset.str(), name.str()));
}

const FakeVolumes::Snapshot* FakeVolumes::by_guid_locked(std::string_view guid) {
  for (const auto& [id, entry] : datasets_) {
    for (const Snapshot& one : entry.snapshots) {
      if (one.facts.guid == guid) return &one;
    }
  }
  return nullptr;
}

uint64_t FakeVolumes::used_locked(const Files& more) const {
  std::map<const std::string*, uint64_t> sizes;  // only summed: the order of addresses is not seen
  const auto add = [&](const Files& files) {
    for (const auto& [name, text] : files) sizes[text.get()] = text->size();
  };
  add(more);
  for (const auto& [id, entry] : datasets_) {
    add(entry.files);
    for (const Snapshot& one : entry.snapshots) add(one.files);
  }
  uint64_t sum = 0;
  for (const auto& [text, size] : sizes) sum += size;
  return sum;
}

uint64_t FakeVolumes::size_of(const Files& files) {
  uint64_t sum = 0;
  for (const auto& [name, text] : files) sum += text->size();
  return sum;
}

Dataset FakeVolumes::describe_locked(const Entry& entry) const {
  Dataset dataset{entry.spec, entry.origin, entry.created_at_ms, size_of(entry.files), {}};
  for (const Snapshot& one : entry.snapshots) dataset.snapshots.push_back(one.facts);
  return dataset;
}

}  // namespace ployz::sim

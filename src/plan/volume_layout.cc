#include "plan/volume_layout.h"

#include <algorithm>
#include <format>

#include "plan/conflicts.h"

namespace ployz {
namespace {

using Kind = VolumeLayout::Kind;

std::string where(const VolumeLayout& volume) {
  return std::format("volume {}", volume.name().str());
}

// The facts of a machine that has, or shall have, a volume.
Result<const MachineFacts*> storage_of(const Snapshot& snapshot, const MachineId& id,
                                       const std::string& what) {
  const Machine* machine = find_machine(snapshot, id);
  if (machine == nullptr) {
    return fail(Code::precondition, std::format("{} is on machine {}, which left the network", what,
                                                id.str()),
                "its data is gone with it; see: ployzctl volume ls");
  }
  const auto facts = snapshot.facts.find(id);
  if (facts == snapshot.facts.end()) {
    return fail(Code::precondition,
                std::format("{} is on machine {}, which does not answer{}", what, machine->name,
                            silence_of(snapshot, id)),
                "see: ployzctl machine ls");
  }
  if (!facts->second.pool) {
    return fail(Code::precondition, std::format("machine {} keeps no volumes", machine->name),
                "give it a pool: [storage] in its config.toml");
  }
  return &facts->second;
}

std::string bytes_text(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "K", "M", "G", "T"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return std::format("{:.{}f}{}", value, value < 10 && unit > 0 ? 1 : 0, kUnits[unit]);
}

}  // namespace

bool mounts(const Service& service, const VolumeName& volume) {
  return std::ranges::contains(service.container.mounts, volume, &Mount::volume);
}

const Dataset* find_dataset(const Snapshot& snapshot, const MachineId& machine,
                            const DatasetId& dataset) {
  const auto facts = snapshot.facts.find(machine);
  if (facts == snapshot.facts.end()) return nullptr;
  const auto found = std::ranges::find(facts->second.datasets, dataset,
                                       [](const Dataset& each) { return each.spec.id; });
  return found == facts->second.datasets.end() ? nullptr : &*found;
}

Result<VolumeLayouts> VolumeLayouts::begin(const NextState& next, const Commit* previous,
                                           const Snapshot& snapshot, SeededIds& ids) {
  VolumeLayouts layouts(snapshot, ids);
  for (const WantedVolume& wanted : next.volumes) {
    TRY(layouts.add(wanted, previous == nullptr ? nullptr : previous->volume(wanted.spec.name)));
  }
  if (previous != nullptr) {
    for (const CommittedVolume& old : previous->volumes) {
      if (layouts.find(old.spec.name) == nullptr) TRY(layouts.add({old.spec, {}}, &old));
    }
  }
  std::ranges::sort(layouts.volumes_, {}, [](const VolumeLayout& volume) { return volume.name(); });
  return layouts;
}

Status VolumeLayouts::add(const WantedVolume& wanted, const CommittedVolume* previous) {
  VolumeLayout volume;
  volume.previous = previous;
  volume.next.spec = wanted.spec;
  volume.why = wanted.source.why;
  const VolumeSource& source = wanted.source;
  if (previous != nullptr) {
    volume.lost = find_machine(*snapshot_, previous->machine) == nullptr;
    if (!volume.lost || source.kind == VolumeSource::Kind::move) {
      TRY(storage_of(*snapshot_, previous->machine, where(volume)));
    }
    volume.next.dataset = previous->dataset;
    volume.next.machine = previous->machine;
    volume.quota_changed =
        !volume.lost && previous->spec.quota_bytes != wanted.spec.quota_bytes;
  }
  switch (source.kind) {
    case VolumeSource::Kind::keep:
      if (previous == nullptr) volume.kind = Kind::create;
      break;
    case VolumeSource::Kind::empty:
      volume.kind = Kind::create;
      volume.next.machine = {};
      break;
    case VolumeSource::Kind::clone:
    case VolumeSource::Kind::fork:
      volume.kind = source.kind == VolumeSource::Kind::clone ? Kind::clone : Kind::fork;
      volume.origin = source.origin;
      volume.origin_machine = source.machine;
      volume.next.machine = source.machine;
      TRY(storage_of(*snapshot_, source.machine, where(volume)));
      break;
    case VolumeSource::Kind::move:
      if (previous == nullptr || previous->machine == source.machine) break;
      volume.kind = Kind::move;
      volume.origin.dataset = previous->dataset;
      volume.origin_machine = previous->machine;
      volume.next.machine = source.machine;
      break;
  }
  if (volume.changes()) volume.next.dataset = DatasetId(ids_->next());
  volumes_.push_back(std::move(volume));
  return {};
}

const VolumeLayout* VolumeLayouts::find(const VolumeName& name) const {
  const auto found = std::ranges::find(volumes_, name, &VolumeLayout::name);
  return found == volumes_.end() ? nullptr : &*found;
}

Result<const Machine*> VolumeLayouts::home_of(const Service& service) const {
  const VolumeLayout* first = nullptr;
  for (const Mount& mount : service.container.mounts) {
    const VolumeLayout* volume = find(mount.volume);
    if (volume == nullptr) {
      return fail(Code::invalid, std::format("service {} mounts volume {}, which is not declared",
                                             service.name.str(), mount.volume.str()));
    }
    if (volume->next.machine.empty()) continue;
    if (volume->lost && !volume->changes()) {
      return fail(Code::precondition,
                  std::format("service {} mounts volume {}, which was on machine {}, and that left the "
                              "network",
                              service.name.str(), volume->name().str(),
                              volume->next.machine.str()),
                  "its data is gone with it: deploy without the mount, then ployzctl volume rm");
    }
    if (first != nullptr && first->next.machine != volume->next.machine) {
      return fail(Code::precondition,
                  std::format("service {} mounts volumes {} on {} and {} on {}", service.name.str(),
                              first->name().str(), machine_name(*snapshot_, first->next.machine),
                              volume->name().str(), machine_name(*snapshot_, volume->next.machine)),
                  "bring them together: ployzctl migrate");
    }
    first = volume;
  }
  return first == nullptr ? nullptr : find_machine(*snapshot_, first->next.machine);
}

Status VolumeLayouts::settle(const Service& service, const Machine& machine) {
  for (VolumeLayout& volume : volumes_) {
    if (!mounts(service, volume.name()) || !volume.next.machine.empty()) continue;
    volume.next.machine = machine.id;
    TRY(storage_of(*snapshot_, machine.id, where(volume)));
  }
  return {};
}

std::string VolumeLayouts::replaces(const Service& service) const {
  for (const VolumeLayout& volume : volumes_) {
    if (volume.changes() && mounts(service, volume.name())) {
      return std::format("volume {} {}", volume.name().str(),
                         volume.kind == Kind::move ? "moves" : "is another");
    }
  }
  return {};
}

// In a clone of itself, when everybody who had it and everybody who will have it is not there at the
// same time.
void VolumeLayouts::refork(VolumeLayout& volume, const std::vector<ServiceLayout>& layouts) {
  bool wanted = false;
  for (const ServiceLayout& layout : layouts) {
    const bool removed = layout.diff.kind == ServiceDiff::Kind::remove;
    const bool had =
        layout.diff.previous != nullptr && mounts(layout.diff.previous->service, volume.name());
    const bool has = !removed && mounts(layout.diff.service, volume.name());
    if (!had && !has) continue;
    if (!layout.diff.kept.empty()) return;
    if (!removed && effective_rollout(layout.diff.service) != Rollout::recreate) return;
    wanted = wanted || (has && !layout.added.empty());
  }
  if (!wanted) return;
  volume.kind = Kind::refork;
  volume.origin.dataset = volume.previous->dataset;
  volume.origin_machine = volume.previous->machine;
  volume.next.dataset = DatasetId(ids_->next());
}

Status VolumeLayouts::finish(const std::vector<ServiceLayout>& layouts) {
  for (VolumeLayout& volume : volumes_) {
    if (volume.kind == Kind::keep && volume.previous != nullptr && !volume.lost) {
      refork(volume, layouts);
    }
    if (!volume.next.machine.empty()) continue;
    // Nobody mounts it: where there is most room.
    const MachineFacts* best = nullptr;
    for (const auto& [id, facts] : snapshot_->facts) {
      const Machine* machine = find_machine(*snapshot_, id);
      if (!facts.pool || machine == nullptr || machine->state != MachineState::active) continue;
      if (best == nullptr || facts.pool->free_bytes > best->pool->free_bytes) best = &facts;
    }
    if (best == nullptr) {
      return fail(Code::precondition,
                  std::format("no machine can keep volume {}", volume.name().str()),
                  "give one a pool: [storage] in its config.toml");
    }
    volume.next.machine = best->machine;
  }
  return check_room();
}

// Quotas are promises: those of all newest commits on a pool, with the new ones, must not exceed it.
// What former commits name is not counted: it goes when somebody prunes.
Status VolumeLayouts::check_room() const {
  std::map<MachineId, uint64_t> added;
  for (const VolumeLayout& volume : volumes_) {
    if (volume.lost && !volume.changes()) continue;
    const bool here_before =
        volume.previous != nullptr && volume.previous->machine == volume.next.machine;
    const uint64_t before = here_before ? volume.previous->spec.quota_bytes.value_or(0) : 0;
    const uint64_t after = volume.next.spec.quota_bytes.value_or(0);
    if (after > before) added[volume.next.machine] += after - before;
  }
  for (const auto& [id, bytes] : added) {
    const MachineFacts* facts = TRY(storage_of(*snapshot_, id, "a volume"));
    uint64_t promised = bytes;
    for (const auto& [name, entry] : snapshot_->newest) {
      for (const CommittedVolume& volume : entry.commit.volumes) {
        if (volume.machine == id) promised += volume.spec.quota_bytes.value_or(0);
      }
    }
    const uint64_t most = facts->pool->size_bytes / 1000 * facts->pool->overcommit_permille;
    if (promised <= most) continue;
    return fail(Code::precondition,
                std::format("machine {} would promise {} to volumes, and its pool has {}{}",
                            machine_name(*snapshot_, id), bytes_text(promised),
                            bytes_text(facts->pool->size_bytes),
                            facts->pool->overcommit_permille == 1000
                                ? ""
                                : std::format(" (overcommit_ratio {})",
                                              facts->pool->overcommit_permille / 1000.0)),
                "lower the quota, enlarge the pool, or raise [storage] overcommit_ratio there");
  }
  return {};
}

std::map<VolumeName, DatasetId> VolumeLayouts::datasets_of(const Service& service) const {
  std::map<VolumeName, DatasetId> datasets;
  for (const Mount& mount : service.container.mounts) {
    if (const VolumeLayout* volume = find(mount.volume)) datasets[mount.volume] = volume->next.dataset;
  }
  return datasets;
}

bool VolumeLayouts::any_change() const {
  return std::ranges::any_of(volumes_, [](const VolumeLayout& volume) {
    return volume.changes() || volume.quota_changed ||
           (volume.previous != nullptr && volume.previous->spec != volume.next.spec);
  });
}

std::vector<Change> describe_volumes(const std::vector<VolumeLayout>& volumes,
                                     const Snapshot& snapshot) {
  std::vector<Change> changes;
  for (const VolumeLayout& volume : volumes) {
    const std::string resource = where(volume);
    const std::string machine = machine_name(snapshot, volume.next.machine);
    const std::string why = volume.why.empty() ? "" : ", " + volume.why;
    const auto& quota = volume.next.spec.quota_bytes;
    const std::string limit = quota ? ", at most " + bytes_text(*quota) : "";
    const Dataset* source = find_dataset(snapshot, volume.origin_machine, volume.origin.dataset);
    switch (volume.kind) {
      case Kind::keep:
        if (volume.quota_changed) {
          changes.push_back({Change::Kind::data, resource, std::format("limit changes{}", limit)});
        }
        break;
      case Kind::create:
        changes.push_back(
            {Change::Kind::create, resource, std::format("new and empty on {}{}{}", machine, limit, why)});
        break;
      case Kind::refork:
        changes.push_back({Change::Kind::data, resource,
                           "goes on in a clone; as it is now it stays the former commit's"});
        break;
      case Kind::clone:
      case Kind::fork:
        changes.push_back({Change::Kind::data, resource,
                           std::format("clone on {}{}{}", machine, why,
                                       volume.previous == nullptr
                                           ? ""
                                           : "; as it is now it stays the former commit's")});
        break;
      case Kind::move:
        changes.push_back(
            {Change::Kind::data, resource,
             std::format("moves from {} to {}{}", machine_name(snapshot, volume.origin_machine), machine,
                         source == nullptr ? "" : ", " + bytes_text(source->used_bytes))});
        break;
    }
  }
  return changes;
}

}  // namespace ployz

#include "plan/carry_over.h"

#include <algorithm>
#include <format>
#include <set>

#include "plan/participants.h"
#include "plan/volume_layout.h"

namespace ployz {

Result<const Commit*> living(const Snapshot& snapshot, const NamespaceName& name) {
  if (const Commit* commit = live_commit(snapshot, name)) return commit;
  const bool existed = newest_entry(snapshot, name) != nullptr;
  return fail(Code::not_found,
              std::format("namespace {} {}", name.str(), existed ? "is removed" : "does not exist"),
              "list the namespaces with: ployzctl namespace ls");
}

bool changes_state(const Commit& commit) {
  return commit.kind != CommitKind::snapshot && commit.kind != CommitKind::prune &&
         commit.kind != CommitKind::fence;
}

NextState as_it_is(const Commit& commit, std::string plan_kind, CommitKind kind) {
  NextState next;
  next.plan_kind = std::move(plan_kind);
  next.commit_kind = kind;
  next.name_space = commit.name_space;
  next.manifest_digest = commit.manifest_digest;
  for (const CommittedService& committed : commit.services) {
    next.services.push_back(committed.service);
    next.untouched.insert(committed.service.name);
  }
  for (const CommittedVolume& volume : commit.volumes) next.volumes.push_back({volume.spec, {}});
  return next;
}

Manifest manifest_of(const NextState& next) {
  Manifest manifest;
  manifest.name_space = next.name_space;
  for (const WantedVolume& wanted : next.volumes) manifest.volumes.push_back(wanted.spec);
  for (Service service : next.services) {
    service.container.image_id.clear();
    manifest.services.push_back(std::move(service));
  }
  return manifest;
}

std::string digest_of(const NextState& next) {
  return manifest_digest(manifest_of(next));
}

Result<const CommittedService*> service_of(const Commit& commit, const ServiceName& name) {
  if (const CommittedService* service = commit.service(name)) return service;
  const std::string& of = commit.name_space.str();
  return fail(Code::not_found, std::format("namespace {} has no service {}", of, name.str()),
              std::format("see: ployzctl namespace inspect {}", of));
}

Result<const CommittedVolume*> volume_of(const Commit& commit, const VolumeName& name) {
  if (const CommittedVolume* volume = commit.volume(name)) return volume;
  const std::string& of = commit.name_space.str();
  return fail(Code::not_found, std::format("namespace {} has no volume {}", of, name.str()),
              std::format("see: ployzctl volume ls {}", of));
}

VolumeSource fork_of(const CommittedVolume& volume, std::string why) {
  return {VolumeSource::Kind::fork, {volume.dataset, {}}, volume.machine, std::move(why)};
}

std::set<DatasetId> mapped_datasets(const Snapshot& snapshot, const NamespaceName& except) {
  std::set<DatasetId> datasets;
  for (const auto& [name, entry] : snapshot.newest) {
    if (name == except) continue;
    for (const CommittedVolume& volume : entry.commit.volumes) datasets.insert(volume.dataset);
  }
  return datasets;
}

Plan already(std::string plan_kind, const CommitEntry& newest, std::string why) {
  Plan plan;
  plan.kind = std::move(plan_kind);
  plan.name_space = newest.commit.name_space;
  plan.expected_sequence = newest.sequence;
  plan.changes.push_back(
      {Change::Kind::keep, "namespace " + plan.name_space.str(), std::move(why)});
  return plan;
}

namespace {

std::vector<CommittedInstance> writers_of(const Commit& commit,
                                          const std::vector<VolumeName>& volumes) {
  std::vector<CommittedInstance> writers;
  for (const CommittedService& committed : commit.services) {
    const bool writes =
        std::ranges::any_of(committed.service.container.mounts, [&](const Mount& mount) {
          return !mount.read_only && std::ranges::contains(volumes, mount.volume);
        });
    if (!writes) continue;
    writers.insert(writers.end(), committed.instances.begin(), committed.instances.end());
  }
  return writers;
}

bool pauses(std::optional<Consistency> asked, const Commit& commit,
            const std::vector<VolumeName>& volumes, const Snapshot& snapshot) {
  if (asked) return *asked == Consistency::pause;
  if (volumes.size() < 2) return false;
  std::set<MachineId> machines;
  bool atomic = true;
  for (const VolumeName& name : volumes) {
    const CommittedVolume* volume = commit.volume(name);
    if (volume == nullptr) continue;
    machines.insert(volume->machine);
    const auto facts = snapshot.facts.find(volume->machine);
    atomic = atomic && facts != snapshot.facts.end() && facts->second.pool &&
             facts->second.pool->atomic_multi_snapshot;
  }
  return machines.size() > 1 || !atomic;
}

}  // namespace

std::vector<CommittedInstance> paused_for(const Commit& commit,
                                          const std::vector<VolumeName>& volumes,
                                          std::optional<Consistency> asked,
                                          const Snapshot& snapshot) {
  if (!pauses(asked, commit, volumes, snapshot)) return {};
  return writers_of(commit, volumes);
}

std::string brief(const CommitId& id) {
  constexpr size_t kShown = 8;
  return id.str().size() > kShown ? id.str().substr(id.str().size() - kShown) : id.str();
}

}  // namespace ployz

#include <algorithm>
#include <format>
#include <set>

#include "plan/carry_over.h"
#include "plan/moving.h"
#include "plan/participants.h"
#include "plan/placement.h"
#include "plan/planners.h"
#include "plan/volume_layout.h"

namespace ployz {
std::set<ServiceName> moving_together(const Commit& commit, const ServiceName& first,
                                      std::set<VolumeName>& volumes) {
  std::set<ServiceName> services{first};
  for (bool grown = true; grown;) {
    grown = false;
    for (const CommittedService& committed : commit.services) {
      const auto& mounts = committed.service.container.mounts;
      const bool shares = std::ranges::any_of(
          mounts, [&](const Mount& mount) { return volumes.contains(mount.volume); });
      if (shares) grown = services.insert(committed.service.name).second || grown;
      if (!services.contains(committed.service.name)) continue;
      for (const Mount& mount : mounts) grown = volumes.insert(mount.volume).second || grown;
    }
  }
  return services;
}

Status check_pools(const Commit& commit, const std::set<VolumeName>& volumes, const Machine& to,
                   const Snapshot& snapshot) {
  const auto there = snapshot.facts.find(to.id);
  for (const VolumeName& name : volumes) {
    const CommittedVolume* volume = commit.volume(name);
    if (volume == nullptr || volume->machine == to.id) continue;
    const auto here = snapshot.facts.find(volume->machine);
    if (here == snapshot.facts.end() || there == snapshot.facts.end()) continue;  // told elsewhere
    if (!here->second.pool || !there->second.pool) continue;
    if (here->second.pool->driver != there->second.pool->driver) {
      return fail(Code::precondition,
                  std::format("volume {} is on {} and machine {} has {}: volumes move only between "
                              "pools of one kind",
                              name.str(), here->second.pool->driver, to.name,
                              there->second.pool->driver),
                  "move it to a machine with the same kind of pool");
    }
    const Dataset* dataset = find_dataset(snapshot, volume->machine, volume->dataset);
    if (dataset != nullptr && dataset->used_bytes > there->second.pool->free_bytes) {
      return fail(Code::precondition,
                  std::format("volume {} has {} bytes, and the pool of {} has {} free", name.str(),
                              dataset->used_bytes, to.name, there->second.pool->free_bytes),
                  "make room there: ployzctl volume prune");
    }
  }
  return {};
}

Result<Plan> plan_migrate(const MigrateRequest& request, const Snapshot& snapshot,
                          const PlanIdentity& identity) {
  const Commit& commit = *TRY(living(snapshot, request.name_space));
  const Machine* to = TRY(known_machine(snapshot, request.to));
  const CommittedService* service = TRY(service_of(commit, request.service));
  if (service->service.placement.global) {
    return fail(Code::precondition,
                std::format("service {} is global: it runs on every machine", request.service.str()));
  }
  std::set<VolumeName> volumes;
  for (const Mount& mount : service->service.container.mounts) volumes.insert(mount.volume);
  const std::set<ServiceName> services = moving_together(commit, request.service, volumes);
  TRY(check_pools(commit, volumes, *to, snapshot));

  NextState next = as_it_is(commit, "migrate", CommitKind::migrate);
  for (Service& each : next.services) {
    if (!services.contains(each.name)) continue;
    next.untouched.erase(each.name);
    next.moved[each.name] = to->id;
    // A pin elsewhere would bring it back at the next deploy; one that stays, stays.
    auto& pins = each.placement.machines;
    const bool allowed = pins.empty() || std::ranges::contains(pins, to->name) ||
                         std::ranges::contains(pins, to->id.str());
    if (!allowed) pins = {to->name};
    if (each.name != request.service) {
      next.notes.push_back({Change::Kind::data, "service " + each.name.str(),
                            "moves along: it mounts a volume that moves"});
    }
  }
  for (WantedVolume& wanted : next.volumes) {
    if (!volumes.contains(wanted.spec.name)) continue;
    wanted.source.kind = VolumeSource::Kind::move;
    wanted.source.machine = to->id;
  }
  next.manifest_digest = digest_of(next);
  return plan_next_state(next, snapshot, identity);
}

}  // namespace ployz

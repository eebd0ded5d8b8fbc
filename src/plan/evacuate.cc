// What leaves a machine that is drained and is no migration: services without volumes, each started
// elsewhere before it stops here, and volumes that no service mounts.
#include <algorithm>
#include <format>

#include "plan/carry_over.h"
#include "plan/moving.h"
#include "plan/participants.h"
#include "plan/placement.h"
#include "plan/planners.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

bool is_mounted(const Commit& commit, const VolumeName& name) {
  return std::ranges::any_of(commit.services, [&](const CommittedService& each) {
    return mounts(each.service, name);
  });
}

// The machine with most room that can keep the volume.
Result<const Machine*> room_for(const Commit& commit, const CommittedVolume& volume,
                                const Snapshot& snapshot) {
  const Machine* best = nullptr;
  uint64_t most = 0;
  std::string why;
  for (const Machine& machine : snapshot.machines) {
    if (machine.id == volume.machine || machine.state != MachineState::active) continue;
    const auto facts = snapshot.facts.find(machine.id);
    if (facts == snapshot.facts.end() || !facts->second.pool) continue;
    if (const Status fits = check_pools(commit, {volume.spec.name}, machine, snapshot); !fits) {
      why += "; " + fits.error().message;
    } else if (best == nullptr || facts->second.pool->free_bytes > most) {
      best = &machine;
      most = facts->second.pool->free_bytes;
    }
  }
  if (best != nullptr) return best;
  return fail(Code::precondition,
              std::format("no other machine can keep volume {}{}", volume.spec.name.str(), why),
              "give one a pool: [storage] in its config.toml");
}

}  // namespace

bool stands_on(const CommittedService& service, const MachineId& machine) {
  return std::ranges::contains(service.instances, machine, &CommittedInstance::machine);
}

Leaving leaving(const Commit& commit, const MachineId& machine) {
  Leaving all;
  for (const CommittedService& committed : commit.services) {
    const Service& service = committed.service;
    if (service.container.mounts.empty() && stands_on(committed, machine)) {
      all.services.push_back(service.name);
    }
  }
  for (const CommittedVolume& volume : commit.volumes) {
    if (volume.machine == machine && !is_mounted(commit, volume.spec.name)) {
      all.volumes.push_back(volume.spec.name);
    }
  }
  return all;
}

Result<Plan> plan_evacuate(const EvacuateRequest& request, const Snapshot& snapshot,
                           const PlanIdentity& identity) {
  const Commit& commit = *TRY(living(snapshot, request.name_space));
  const Machine* machine = TRY(known_machine(snapshot, request.machine.str()));
  NextState next = as_it_is(commit, "drain", CommitKind::migrate);
  next.left = machine->id;
  const bool all = request.only.empty();
  const Leaving out = leaving(commit, machine->id);
  for (const ServiceName& name : out.services) {
    if (all || std::ranges::contains(request.only, name)) next.untouched.erase(name);
  }
  for (WantedVolume& wanted : next.volumes) {
    if (!all || !std::ranges::contains(out.volumes, wanted.spec.name)) continue;
    wanted.source.kind = VolumeSource::Kind::move;
    wanted.source.machine =
        TRY(room_for(commit, *commit.volume(wanted.spec.name), snapshot))->id;
  }
  return plan_next_state(next, snapshot, identity);
}

}  // namespace ployz

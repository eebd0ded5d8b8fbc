// What leaves a machine that is drained and is no migration: services without volumes, each started
// elsewhere before it stops here, and volumes that no service mounts.
#include <algorithm>
#include <format>
#include <set>

#include "plan/carry_over.h"
#include "plan/moving.h"
#include "plan/participants.h"
#include "plan/planners.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

bool stands_on(const CommittedService& service, const MachineId& machine) {
  return std::ranges::contains(service.instances, machine, &CommittedInstance::machine);
}

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

Result<Plan> plan_evacuate(const EvacuateRequest& request, const Snapshot& snapshot,
                           const PlanIdentity& identity) {
  const Commit& commit = *TRY(living(snapshot, request.name_space));
  const Machine* machine = find_machine(snapshot, request.machine);
  if (machine == nullptr) {
    return fail(Code::not_found, std::format("there is no machine '{}'", request.machine.str()),
                "list them: ployzctl machine ls");
  }
  NextState next = as_it_is(commit, "drain", CommitKind::migrate);
  next.left = machine->id;
  const auto meant = [&](const ServiceName& name) {
    return request.only.empty() || std::ranges::contains(request.only, name);
  };
  for (const CommittedService& committed : commit.services) {
    const Service& service = committed.service;
    if (!service.container.mounts.empty() || !stands_on(committed, machine->id)) continue;
    if (meant(service.name)) next.untouched.erase(service.name);
  }
  for (WantedVolume& wanted : next.volumes) {
    const CommittedVolume* volume = commit.volume(wanted.spec.name);
    if (volume->machine != machine->id || is_mounted(commit, volume->spec.name)) continue;
    if (!request.only.empty()) continue;
    wanted.source.kind = VolumeSource::Kind::move;
    wanted.source.machine = TRY(room_for(commit, *volume, snapshot))->id;
  }
  return plan_next_state(next, snapshot, identity);
}

}  // namespace ployz

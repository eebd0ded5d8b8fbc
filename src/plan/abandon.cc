// What a namespace is without a machine that left for good: see AbandonRequest.
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
namespace {

std::set<VolumeName> volumes_on(const Commit& commit, const MachineId& machine) {
  std::set<VolumeName> volumes;
  for (const CommittedVolume& volume : commit.volumes) {
    if (volume.machine == machine) volumes.insert(volume.spec.name);
  }
  return volumes;
}

// Services that go on, those that stood there to be laid out anew, and volumes that are left.
void leave_out(NextState& next, const Commit& commit, const AbandonRequest& request,
               const std::set<VolumeName>& lost) {
  std::erase_if(next.services, [&](const Service& service) {
    const bool mounts_lost = std::ranges::any_of(
        lost, [&](const VolumeName& volume) { return mounts(service, volume); });
    return mounts_lost || std::ranges::contains(request.ended, service.name);
  });
  for (const CommittedService& committed : commit.services) {
    const ServiceName& name = committed.service.name;
    if (stands_on(committed, request.machine) && !std::ranges::contains(request.reduced, name)) {
      next.untouched.erase(name);
    }
  }
  std::erase_if(next.volumes,
                [&](const WantedVolume& wanted) { return lost.contains(wanted.spec.name); });
}

// The core keeps a name until somebody takes it away, as is done here.
void end_volumes(Plan& plan, const std::set<VolumeName>& lost) {
  std::erase_if(plan.commit->volumes,
                [&](const CommittedVolume& volume) { return lost.contains(volume.spec.name); });
}

NextState without(NextState next, const std::set<VolumeName>& lost) {
  next.forgets_the_lost = true;
  next.always_commit = true;
  for (const VolumeName& volume : lost) {
    next.notes.push_back(
        {Change::Kind::remove, "volume " + volume.str(), "its data left with its machine"});
  }
  return next;
}

// Only its data was kept.
Result<Plan> abandon_removed(const AbandonRequest& request, const std::set<VolumeName>& lost,
                             const Snapshot& snapshot, const PlanIdentity& identity) {
  NextState next;
  next.plan_kind = "abandon";
  next.commit_kind = CommitKind::remove;
  next.name_space = request.name_space;
  Plan plan = TRY(plan_next_state(without(std::move(next), lost), snapshot, identity));
  plan.commit->removed = true;
  end_volumes(plan, lost);
  TRY(validate(plan));
  return plan;
}

}  // namespace

Result<Plan> plan_abandon(const AbandonRequest& request, const Snapshot& snapshot,
                          const PlanIdentity& identity) {
  const CommitEntry* entry = newest_entry(snapshot, request.name_space);
  if (entry == nullptr) return fail(living(snapshot, request.name_space).error());
  const Commit& commit = entry->commit;
  if (const Machine* machine = find_machine(snapshot, request.machine)) {
    return fail(Code::precondition, std::format("machine {} is in the network", machine->name));
  }
  const std::set<VolumeName> lost = volumes_on(commit, request.machine);
  const bool stood = std::ranges::any_of(commit.services, [&](const CommittedService& service) {
    return stands_on(service, request.machine);
  });
  if (lost.empty() && !stood) {
    return already("abandon", *entry, "has nothing on the machine that left");
  }
  if (commit.removed) return abandon_removed(request, lost, snapshot, identity);
  NextState next = as_it_is(commit, "abandon", CommitKind::migrate);
  leave_out(next, commit, request, lost);
  Plan plan = TRY(plan_next_state(without(std::move(next), lost), snapshot, identity));
  end_volumes(plan, lost);
  TRY(validate(plan));
  return plan;
}

}  // namespace ployz

#include <algorithm>
#include <format>
#include <set>

#include "plan/carry_over.h"
#include "plan/participants.h"
#include "plan/planners.h"
#include "plan/step_list.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

// All data of the namespace, of former commits too, except what another namespace maps.
void delete_volumes(Plan& plan, const Snapshot& snapshot) {
  const std::set<DatasetId> others = mapped_datasets(snapshot, plan.name_space);
  StepIds before;
  for (const Step& step : plan.cleanup) before.push_back(step.id);
  for (const auto& [machine, facts] : snapshot.facts) {
    for (const Dataset& dataset : facts.datasets) {
      if (dataset.spec.name_space != plan.name_space || others.contains(dataset.spec.id)) continue;
      StepList(plan).cleanup(machine, Target::agent, DestroyDataset{dataset.spec.id}, before);
    }
  }
  for (const CommittedVolume& volume : plan.commit->volumes) {
    plan.changes.push_back({Change::Kind::remove, "volume " + volume.spec.name.str(),
                            "is deleted, with its snapshots"});
  }
  plan.commit->volumes.clear();
}

}  // namespace

Result<Plan> plan_namespace_rm(const NamespaceRmRequest& request, const Snapshot& snapshot,
                               const PlanIdentity& identity) {
  const CommitEntry* entry = newest_entry(snapshot, request.name_space);
  // Its volumes outlive a namespace, so they can be deleted later.
  const bool leftovers = request.volumes && entry != nullptr && !entry->commit.volumes.empty();
  if (!leftovers) TRY(living(snapshot, request.name_space));
  NextState next;
  next.plan_kind = "namespace_rm";
  next.commit_kind = CommitKind::remove;
  next.name_space = request.name_space;
  next.always_commit = true;
  Plan plan = TRY(plan_next_state(next, snapshot, identity));
  plan.commit->removed = true;
  if (request.volumes) {
    delete_volumes(plan, snapshot);
  } else {
    for (const CommittedVolume& volume : plan.commit->volumes) {
      plan.changes.push_back({Change::Kind::keep, "volume " + volume.spec.name.str(),
                              "stays, for the next deploy of this namespace"});
    }
  }
  TRY(validate(plan));
  return plan;
}

}  // namespace ployz

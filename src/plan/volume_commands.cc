// Snapshot, removal and pruning of volumes: commits that serve what was served before.
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

// Claims for everybody, so that who is silent is known and routers follow.
Status claim_all(Plan& plan, const Snapshot& snapshot) {
  for (const Machine* machine : TRY(router_participants(snapshot))) {
    plan.claims.push_back({machine->id, {}, {}, {}, {}, true, {}});
  }
  return {};
}

std::string label(const Dataset& dataset) {
  return std::format("dataset {} of {}", dataset.spec.id.str(), dataset.spec.volume.str());
}

void destroy(Plan& plan, const MachineId& machine, const Dataset& dataset, std::string why) {
  StepList(plan).cleanup(machine, Target::agent, DestroyDataset{dataset.spec.id}, {});
  plan.changes.push_back({Change::Kind::remove, label(dataset), std::move(why)});
}

Commit as_before(const Commit& newest, CommitKind kind, const Plan& plan, const Snapshot& snapshot,
                 const PlanIdentity& identity) {
  Commit commit = newest;
  commit.id = CommitId(SeededIds(snapshot.now_ms, identity.seed).next());
  commit.kind = kind;
  commit.operation = identity.operation;
  commit.parent_sequence = plan.expected_sequence;
  commit.created_at_ms = snapshot.now_ms;
  commit.from.reset();
  return commit;
}

// What the last `keep` states before the newest need: datasets, and the names of snapshots.
struct Kept {
  std::set<DatasetId> datasets;
  std::set<std::string> snapshots;
};

Kept kept_states(const VolumePruneRequest& request, const Snapshot& snapshot) {
  Kept kept{mapped_datasets(snapshot), {}};
  const auto history = snapshot.history.find(request.name_space);
  if (history == snapshot.history.end()) return kept;
  size_t states = 0;
  for (const CommitEntry& entry : history->second) {
    const Commit& commit = entry.commit;
    kept.snapshots.insert(commit.id.str());
    for (const CommittedVolume& volume : commit.volumes) kept.datasets.insert(volume.dataset);
    if (changes_state(commit) && ++states > request.keep) break;
  }
  return kept;
}

// Snapshots of datasets that stay, made for commits that cannot be gone back to any more.
void prune_snapshots(Plan& plan, const MachineId& machine, const Dataset& dataset, const Kept& kept) {
  size_t gone = 0;
  for (const DatasetSnapshot& snapshot : dataset.snapshots) {
    if (kept.snapshots.contains(snapshot.name.str())) continue;
    StepList(plan).cleanup(machine, Target::agent,
                           DestroySnapshots{{dataset.spec.id}, snapshot.name}, {});
    ++gone;
  }
  if (gone == 0) return;
  plan.changes.push_back({Change::Kind::data, label(dataset), std::format("{} snapshots go", gone)});
}

}  // namespace

Result<Plan> plan_volume_snapshot(const VolumeSnapshotRequest& request, const Snapshot& snapshot,
                                  const PlanIdentity& identity) {
  const Commit& commit = *TRY(living(snapshot, request.name_space));
  if (commit.volumes.empty()) {
    return fail(Code::precondition,
                std::format("namespace {} has no volumes", request.name_space.str()));
  }
  NextState next = as_it_is(commit, "volume_snapshot", CommitKind::snapshot);
  next.always_commit = true;
  std::vector<VolumeName> volumes;
  for (const CommittedVolume& volume : commit.volumes) {
    volumes.push_back(volume.spec.name);
    next.notes.push_back({Change::Kind::data, "volume " + volume.spec.name.str(), "snapshot"});
  }
  next.paused = paused_for(commit, volumes, request.consistency, snapshot);
  return plan_next_state(next, snapshot, identity);
}

Result<Plan> plan_volume_rm(const VolumeRmRequest& request, const Snapshot& snapshot,
                            const PlanIdentity& identity) {
  const CommitEntry* entry = newest_entry(snapshot, request.name_space);
  const std::string name = std::format("{}/{}", request.name_space.str(), request.volume.str());
  if (entry == nullptr || entry->commit.volume(request.volume) == nullptr) {
    return fail(Code::not_found, std::format("there is no volume {}", name),
                "list them: ployzctl volume ls");
  }
  for (const CommittedService& committed : entry->commit.services) {
    if (!mounts(committed.service, request.volume)) continue;
    return fail(Code::precondition,
                std::format("service {} mounts volume {}", committed.service.name.str(), name),
                "deploy the namespace without that mount first");
  }
  const MachineId home = entry->commit.volume(request.volume)->machine;
  if (find_machine(snapshot, home) != nullptr && !snapshot.facts.contains(home)) {
    return fail(Code::precondition,
                std::format("machine {}, which has volume {}, does not answer",
                            find_machine(snapshot, home)->name, name),
                "see: ployzctl machine ls");
  }
  Plan plan;
  plan.kind = "volume_rm";
  plan.name_space = request.name_space;
  plan.expected_sequence = entry->sequence;
  Commit commit = as_before(entry->commit, CommitKind::volume_rm, plan, snapshot, identity);
  std::erase_if(commit.volumes, [&](const CommittedVolume& volume) {
    return volume.spec.name == request.volume;
  });
  plan.commit = std::move(commit);
  TRY(claim_all(plan, snapshot));
  std::set<DatasetId> others = mapped_datasets(snapshot);
  others.erase(entry->commit.volume(request.volume)->dataset);
  for (const auto& [machine, facts] : snapshot.facts) {
    for (const Dataset& dataset : facts.datasets) {
      if (dataset.spec.name_space != request.name_space || dataset.spec.volume != request.volume ||
          others.contains(dataset.spec.id)) {
        continue;
      }
      destroy(plan, machine, dataset, "is deleted, with its snapshots");
    }
  }
  TRY(validate(plan));
  return plan;
}

Result<Plan> plan_volume_prune(const VolumePruneRequest& request, const Snapshot& snapshot,
                               const PlanIdentity& identity) {
  const CommitEntry* entry = newest_entry(snapshot, request.name_space);
  if (entry == nullptr) {
    return fail(Code::not_found, std::format("namespace {} does not exist", request.name_space.str()),
                "list the namespaces with: ployzctl namespace ls");
  }
  Plan plan;
  plan.kind = "volume_prune";
  plan.name_space = request.name_space;
  plan.expected_sequence = entry->sequence;
  const Kept kept = kept_states(request, snapshot);
  for (const auto& [machine, facts] : snapshot.facts) {
    for (const Dataset& dataset : facts.datasets) {
      if (dataset.spec.name_space != request.name_space) continue;
      if (kept.datasets.contains(dataset.spec.id)) {
        prune_snapshots(plan, machine, dataset, kept);
      } else {
        destroy(plan, machine, dataset, "only former commits name it");
      }
    }
  }
  if (plan.cleanup.empty()) return plan;
  plan.commit = as_before(entry->commit, CommitKind::prune, plan, snapshot, identity);
  TRY(claim_all(plan, snapshot));
  TRY(validate(plan));
  return plan;
}

}  // namespace ployz

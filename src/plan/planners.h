// One planner for each thing an operator can ask of a namespace. Pure: no clock, no I/O, no randomness
// (the identity carries a seed). All are thin: they say what the next state of the namespace shall be
// (next_state.h), and the shared core makes the plan.
//
// Common errors, all `precondition` with effect none unless said: those of plan/deploy.h and
// plan/next_state.h; `not_found`: a namespace, volume, service or commit that does not exist. A plan
// without a commit: already so.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/plan.h"
#include "plan/deploy.h"
#include "plan/requests.h"
#include "plan/snapshot.h"

namespace ployz {

// The target is a new namespace (`exists`: it is there, and not a branch of this source) with the
// source's services, without its routes and published ports. Clones stay where the source's data is.
[[nodiscard]] Result<Plan> plan_branch(const BranchRequest& request, const Snapshot& snapshot,
                                       const PlanIdentity& identity);
// `exists`: the new name is taken.
[[nodiscard]] Result<Plan> plan_fork_volume(const ForkVolumeRequest& request,
                                            const Snapshot& snapshot,
                                            const PlanIdentity& identity);
// The service's instances and the volumes it mounts; services that mount one of these move along.
[[nodiscard]] Result<Plan> plan_migrate(const MigrateRequest& request, const Snapshot& snapshot,
                                        const PlanIdentity& identity);
// See the request. `precondition` naming what fits nowhere. The machine should not be `active` any more,
// or others of its instances would come back there.
[[nodiscard]] Result<Plan> plan_evacuate(const EvacuateRequest& request, const Snapshot& snapshot,
                                         const PlanIdentity& identity);
// See the request. `precondition`: what is neither ended nor reduced fits nowhere, or the machine is in
// the network.
[[nodiscard]] Result<Plan> plan_abandon(const AbandonRequest& request, const Snapshot& snapshot,
                                        const PlanIdentity& identity);
// Images, commands and environment of the branch; names, placement, routes and published ports of the
// target where it has the service. Services that the branch has not are removed. Volumes that only the
// branch has are taken. `routes`: services as a manifest beside [promote] writes them, whose placement,
// routes and ports count instead of the newest commit's.
[[nodiscard]] Result<Plan> plan_promote(const PromoteRequest& request,
                                        const std::vector<Service>& routes,
                                        const Snapshot& snapshot, const PlanIdentity& identity);
// Needs the namespace's history. `precondition` naming the snapshot that is gone.
[[nodiscard]] Result<Plan> plan_rollback(const RollbackRequest& request, const Snapshot& snapshot,
                                         const PlanIdentity& identity);
[[nodiscard]] Result<Plan> plan_volume_snapshot(const VolumeSnapshotRequest& request,
                                                const Snapshot& snapshot,
                                                const PlanIdentity& identity);
// `precondition`: a service mounts it.
[[nodiscard]] Result<Plan> plan_volume_rm(const VolumeRmRequest& request, const Snapshot& snapshot,
                                          const PlanIdentity& identity);
// Needs the history for `keep`.
[[nodiscard]] Result<Plan> plan_volume_prune(const VolumePruneRequest& request,
                                             const Snapshot& snapshot,
                                             const PlanIdentity& identity);

// The commit a rollback goes back to. Errors as in plan_rollback.
[[nodiscard]] Result<CommitEntry> rollback_target(const RollbackRequest& request,
                                                  const Snapshot& snapshot);

}  // namespace ployz

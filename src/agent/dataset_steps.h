// The steps that make, snapshot and destroy datasets of this machine, the pauses around them, and
// the folders that an instance mounts.
//
// Each may be repeated: after a crash of the agent the engine sends the step again, and what the
// first time left behind is either what was asked for or made anew.
#pragma once

#include <vector>

#include "agent/instance_pauses.h"
#include "base/json.h"
#include "model/action.h"
#include "ports/volumes.h"

namespace ployz {

// What a machine without volumes answers to everything about them.
[[nodiscard]] std::unexpected<Error> keeps_no_volumes();

// Thread-safe. Errors: those of the ports; `unsupported` when this machine keeps no volumes.
class DatasetSteps {
 public:
  // `volumes` may be nullptr.
  DatasetSteps(Volumes* volumes, InstancePauses& pauses) : volumes_(volumes), pauses_(pauses) {}

  [[nodiscard]] Result<Json> ensure(const EnsureDataset& action);
  // {"paused_us"}. `precondition`: the instances went on before all snapshots were taken; then there
  // is none.
  [[nodiscard]] Result<Json> snapshot(const OperationId& operation, const SnapshotDatasets& action);
  [[nodiscard]] Result<Json> clone(const CloneDataset& action);
  [[nodiscard]] Result<Json> destroy(const DestroyDataset& action);
  [[nodiscard]] Result<Json> destroy_snapshots(const DestroySnapshots& action);
  [[nodiscard]] Result<Json> set_quota(const SetQuota& action);

  // One for each of the spec's mounts. `not_found`: a dataset is not here; `invalid`: the action
  // names none for a mount.
  [[nodiscard]] Result<std::vector<BoundMount>> mounts_of(const RunInstance& run);

 private:
  [[nodiscard]] Result<Volumes*> volumes() const;
  [[nodiscard]] Result<bool> taken_before(const SnapshotDatasets& action);

  Volumes* volumes_;
  InstancePauses& pauses_;
};

}  // namespace ployz

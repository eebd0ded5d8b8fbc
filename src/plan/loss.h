// What is lost when a machine that does not answer is removed for good, and what becomes of the
// namespaces that had something there. Decided for all of them before anything is changed. Pure.
//
// - Services without volumes stand elsewhere, as far as they fit.
// - Data that is only there is lost: its volumes end, and with them the services that mount one, so
//   that no commit says of them what is not true. The next deploy makes such a volume new and
//   empty.
// - A service that fits nowhere goes on with the instances it has on other machines; with none it
// ends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/dataset.h"
#include "model/plan.h"
#include "plan/drain.h"
#include "plan/requests.h"
#include "plan/snapshot.h"

namespace ployz {

struct LostService {
  enum class Fate { restarts, reduced, ends };
  NamespaceName name_space;
  ServiceName service;
  uint32_t instances = 0;  // there
  Fate fate = Fate::restarts;
  std::string why;  // reduced, ends
};

// The newest snapshot of a dataset of the same volume, or of one that came of the lost one.
struct VolumeCopy {
  MachineId machine;
  std::string machine_name;
  DatasetId dataset;
  SnapshotName snapshot;
  uint64_t created_at_ms = 0;
};

struct LostVolume {
  NamespaceName name_space;
  VolumeName volume;
  DatasetId dataset;
  bool removed = false;            // its namespace lives no more, only the data was kept
  std::vector<VolumeCopy> copies;  // on machines that answer, the newest first
};

struct LossMove {
  AbandonRequest request;
  Plan plan;  // as the engine would make it when the machine is out
};

struct Loss {
  std::vector<LostService> services;
  std::vector<LostVolume> volumes;
  std::vector<LossMove> moves;
};

// Needs the images of what stands there and the datasets of the machines that answer. The machine
// may be in the snapshot or have left the network already.
[[nodiscard]] Loss plan_loss(const MachineId& machine, const Snapshot& snapshot,
                             const PlanIdentity& identity);

// Datasets of a machine whose last state no other machine has: no snapshot elsewhere is the newest
// of theirs, or a removed namespace keeps them. Those that move are left out. Sorted as in
// DrainPlan.
[[nodiscard]] std::vector<DatasetLeft> only_there(const MachineId& machine,
                                                  const std::vector<DatasetLeft>& left,
                                                  const Snapshot& snapshot);

[[nodiscard]] std::string_view to_string(LostService::Fate fate);

}  // namespace ployz

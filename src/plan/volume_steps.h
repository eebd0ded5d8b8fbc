// From decided volumes to steps. Pure.
//
// Before anything stops: new datasets, clones of what is there, snapshots and clones of what others
// write (paused for the moment if wanted), and the rounds of a move while its writers go on. When the
// writers have stopped: a snapshot of what they left, under the commit's id; a clone of it, or its last
// difference to the other machine. At the end every volume's snapshot for the new commit.
#pragma once

#include <map>
#include <vector>

#include "plan/next_state.h"
#include "plan/step_list.h"
#include "plan/volume_layout.h"

namespace ployz {

// Rounds of a move before its writers stop. The engine skips those that would send next to nothing.
inline constexpr int kLiveRounds = 5;

class VolumeSteps {
 public:
  VolumeSteps(Plan& plan, const std::vector<VolumeLayout>& volumes, const NextState& next)
      : plan_(plan), steps_(plan), volumes_(volumes), next_(next) {}

  void before_stops();
  // `stopped`: of each volume, the steps that stop who writes it.
  void after_stops(const std::map<VolumeName, StepIds>& stopped);
  void at_commit(const StepIds& after);
  // What a service has to wait for: the volumes it mounts.
  [[nodiscard]] StepIds ready(const Service& service) const;
  [[nodiscard]] StepIds all_ready() const;
  // What a machine must have for all of this.
  void claim(Claim& claim) const;

 private:
  [[nodiscard]] SnapshotName mark() const { return SnapshotName(plan_.commit->id.str()); }
  [[nodiscard]] DatasetSpec spec_of(const VolumeLayout& volume) const;
  void fork_all();
  using Datasets = std::map<MachineId, std::vector<DatasetId>>;
  [[nodiscard]] Datasets sources() const;
  std::map<MachineId, StepIds> snapshot_together(const Datasets& datasets, const StepIds& after);
  void rounds(const VolumeLayout& volume);
  StepId snapshot(const MachineId& machine, std::vector<DatasetId> datasets, SnapshotName name,
                  std::vector<InstanceId> pause, StepIds after);
  StepId clone(const VolumeLayout& volume, SnapshotName name, StepIds after);

  Plan& plan_;
  StepList steps_;
  const std::vector<VolumeLayout>& volumes_;
  const NextState& next_;
  std::map<VolumeName, StepIds> ready_;
};

}  // namespace ployz

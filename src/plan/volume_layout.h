// What becomes of the volumes of a namespace: for each, the dataset of the next commit and how it comes
// about. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/ulid.h"
#include "model/commit.h"
#include "model/plan.h"
#include "plan/layout.h"
#include "plan/next_state.h"
#include "plan/snapshot.h"

namespace ployz {

struct VolumeLayout {
  enum class Kind {
    keep,     // in place
    create,   // new and empty
    refork,   // in a clone of itself, made when its writers have stopped
    clone,    // of `origin`, which is there
    fork,     // of `origin.dataset`, after a snapshot of it
    move,     // received from the machine that has it
  };
  Kind kind = Kind::keep;
  CommittedVolume next;
  const CommittedVolume* previous = nullptr;  // points into the snapshot
  DatasetOrigin origin;                       // clone, fork, refork, move
  MachineId origin_machine;
  bool quota_changed = false;
  // What `previous` names was on a machine that left the network. It stays a name, until somebody wants
  // the data, or takes the name away.
  bool lost = false;
  std::string why;

  // The name moves to another dataset, so nobody may write the former one when the commit is made.
  [[nodiscard]] bool changes() const { return kind != Kind::keep; }
  [[nodiscard]] const VolumeName& name() const { return next.spec.name; }
};

class VolumeLayouts {
 public:
  // First: what the request decides, before services are laid out. Errors: see plan_next_state.
  [[nodiscard]] static Result<VolumeLayouts> begin(const NextState& next, const Commit* previous,
                                                   const Snapshot& snapshot, SeededIds& ids);
  // The machine a service's volumes are on; nullptr: it has none, or new ones that are nowhere yet.
  // `precondition`: they are on several machines.
  [[nodiscard]] Result<const Machine*> home_of(const Service& service) const;
  // New volumes of this service go where it stands.
  [[nodiscard]] Status settle(const Service& service, const Machine& machine);
  // Why the instances of this service must be replaced; empty: they may stay.
  [[nodiscard]] std::string replaces(const Service& service) const;
  // Last: which kept volumes go on in a clone, where new volumes that nobody mounts go, and whether
  // there is room for all.
  [[nodiscard]] Status finish(const std::vector<ServiceLayout>& layouts);

  [[nodiscard]] const std::vector<VolumeLayout>& all() const { return volumes_; }
  [[nodiscard]] const VolumeLayout* find(const VolumeName& name) const;
  // Those that a service mounts: volume → dataset of the next commit.
  [[nodiscard]] std::map<VolumeName, DatasetId> datasets_of(const Service& service) const;
  [[nodiscard]] bool any_change() const;

 private:
  VolumeLayouts(const Snapshot& snapshot, SeededIds& ids) : snapshot_(&snapshot), ids_(&ids) {}
  [[nodiscard]] Status add(const WantedVolume& wanted, const CommittedVolume* previous);
  [[nodiscard]] Status check_room() const;
  void refork(VolumeLayout& volume, const std::vector<ServiceLayout>& layouts);

  const Snapshot* snapshot_;
  SeededIds* ids_;
  std::vector<VolumeLayout> volumes_;  // sorted by name
};

[[nodiscard]] bool mounts(const Service& service, const VolumeName& volume);
// The dataset as a machine that answers has it; nullptr: it has not (or was not asked).
[[nodiscard]] const Dataset* find_dataset(const Snapshot& snapshot, const MachineId& machine,
                                          const DatasetId& dataset);
// "volume pgdata": created, cloned, moved, limited otherwise.
[[nodiscard]] std::vector<Change> describe_volumes(const std::vector<VolumeLayout>& volumes,
                                                   const Snapshot& snapshot);

}  // namespace ployz

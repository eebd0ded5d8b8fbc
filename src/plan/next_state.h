// The core that all planners share: from a wanted next state of a namespace, data included, to a plan.
// deploy, branch, promote, rollback, migrate and the volume commands differ only in the NextState they
// ask for. Pure.
//
// What becomes of data:
// - A volume whose writers are replaced one after the other (recreate) goes on in a clone: the old
//   writers stop, the dataset is snapshotted, the new ones get a clone of that. So a candidate that
//   fails has never touched the data, and what a former commit names stays as it was left.
// - A volume that is written all the while (blue/green and shared, or nobody is replaced) is kept in
//   place.
// - Every volume of the namespace gets a snapshot named after the commit.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/manifest.h"
#include "model/plan.h"
#include "plan/requests.h"
#include "plan/snapshot.h"

namespace ployz {

// Where the data of a volume of the next commit comes from.
struct VolumeSource {
  enum class Kind {
    keep,    // what the newest commit maps; new and empty when it maps nothing
    empty,   // nothing: new, whatever the newest commit maps
    clone,   // of a snapshot that is there, on `machine`
    fork,    // of `origin.dataset` as it is now: its snapshot is taken first, under the commit's id
    move,    // what the newest commit maps, sent to `machine`
  };
  Kind kind = Kind::keep;
  DatasetOrigin origin;  // clone, fork (snapshot ignored)
  MachineId machine;     // clone, fork: which has it; move: where it goes
  std::string why;       // for the preview: "as of commit 01ab…", "from pr-1"
};

struct WantedVolume {
  VolumeSpec spec;
  VolumeSource source;
};

struct NextState {
  std::string plan_kind;  // "deploy", "branch", …
  CommitKind commit_kind = CommitKind::deploy;
  NamespaceName name_space;
  // All services of the next commit. One with an image_id gets this very image.
  std::vector<Service> services;
  std::set<ServiceName> untouched;  // carried over from the newest commit, unseen
  // Of services whose instances have to stand on this machine, wherever they are now.
  std::map<ServiceName, MachineId> moved;
  // No instance of a service that is touched may stay there.
  std::optional<MachineId> left;
  // Of services that are untouched, instances whose machine left the network are not part of it.
  bool forgets_the_lost = false;
  // Volumes that are named. Those of the newest commit that are not stay mapped.
  std::vector<WantedVolume> volumes;
  std::string manifest_digest;
  std::optional<CommitOrigin> from;
  // Who stands still for the moment of the snapshots.
  std::vector<CommittedInstance> paused;
  std::vector<Change> notes;
  bool always_commit = false;  // even when nothing changes (snapshot, rollback)
};

// A plan whose `commit` is absent: already so. Errors as in plan/deploy.h, and `precondition`: a
// volume's machine is silent, has no pool, too little room, or a pool of another kind; volumes of one
// service are on different machines; a pin that contradicts where the data is; data that is gone.
[[nodiscard]] Result<Plan> plan_next_state(const NextState& next, const Snapshot& snapshot,
                                           const PlanIdentity& identity);

}  // namespace ployz

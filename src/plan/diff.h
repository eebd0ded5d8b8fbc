// What has to happen to one service: the newest commit and the machines' facts on one side, the
// manifest on the other. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "model/service.h"
#include "plan/placement.h"
#include "plan/snapshot.h"

namespace ployz {

// An instance of the newest commit that will not be part of the next one.
struct GoneInstance {
  CommittedInstance instance;
  std::string why;        // "replaced", "exited with code 1", "its machine is gone", …
  bool runs = false;      // so it must be stopped before a successor that must be alone
  bool reachable = true;  // false: its machine left the network, there is nothing to clean
  bool exists = true;     // false: its machine has no such container, nothing can start it again
};

struct ServiceDiff {
  // repair: the spec is the same, but instances are missing, dead or misplaced.
  // settings: routes, published ports, placement or rollout changed, no instance does.
  // restart: the spec is the same, but all of them are replaced, for a reason of its own (`why`).
  enum class Kind { create, replace, scale, repair, settings, keep, remove, restart };
  Kind kind = Kind::keep;
  Service service;  // image_id resolved; for `remove`: as committed
  RevisionId revision;
  const CommittedService* previous = nullptr;  // points into the snapshot
  std::vector<CommittedInstance> kept;
  std::vector<GoneInstance> gone;
  uint32_t missing = 0;  // replicated only: how many new instances are needed
  std::string why;       // restart: "volume pgdata moves"
};

// What more is wanted of a service than its spec says.
struct ServiceWish {
  const Machine* home = nullptr;  // every instance has to stand there
  const Machine* left = nullptr;  // no instance may stand there any more
  std::string replace;            // why none may stay; empty: they may
  std::string why;                // that machine, for the preview
  bool volumes = false;           // so all stand on one machine, which has a pool
};

// The rollout that is really possible: a service on the host's network cannot bind its ports twice
// on one machine, so it is recreated whatever the manifest says.
[[nodiscard]] Rollout effective_rollout(const Service& service);
// One machine can run only one instance of it.
[[nodiscard]] bool one_per_machine(const Service& service);

// `service` has its image resolved; `previous`: nullptr when the newest commit does not have it.
// `precondition`: an instance of it stands on a machine that does not answer, so nobody can say
// whether it runs.
[[nodiscard]] Result<ServiceDiff> diff_service(Service service, const CommittedService* previous,
                                               const Eligible& eligible, const Snapshot& snapshot,
                                               const ServiceWish& wish = {});

// `precondition` as above: what cannot be reached cannot be removed.
[[nodiscard]] Result<ServiceDiff> diff_removed(const CommittedService& previous,
                                               const Snapshot& snapshot);

// "image 01ab… → 23cd…; env PORT": what differs, without any value of an environment variable.
[[nodiscard]] std::string describe_difference(const Service& before, const Service& after);

}  // namespace ployz

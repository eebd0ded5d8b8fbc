// What of a namespace can only move as one. Pure.
#pragma once

#include <set>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "plan/snapshot.h"

namespace ployz {

// The service, the volumes it mounts, the services that mount these, and so on: none can be left.
// `volumes` has some to begin with, or none, and all in the end.
[[nodiscard]] std::set<ServiceName> moving_together(const Commit& commit, const ServiceName& first,
                                                    std::set<VolumeName>& volumes);

[[nodiscard]] bool stands_on(const CommittedService& service, const MachineId& machine);

// What leaves a machine that is drained and is no migration.
struct Leaving {
  std::vector<ServiceName> services;  // that mount nothing, with instances there
  std::vector<VolumeName> volumes;    // there, which no service mounts
};
[[nodiscard]] Leaving leaving(const Commit& commit, const MachineId& machine);

// Whether these volumes of a commit can be kept on a machine: the same kind of pool, and room for
// what they hold. `precondition` otherwise. What the machines' silence hides is told elsewhere.
[[nodiscard]] Status check_pools(const Commit& commit, const std::set<VolumeName>& volumes,
                                 const Machine& to, const Snapshot& snapshot);

}  // namespace ployz

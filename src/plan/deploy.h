// Planners of `deploy`, `namespace rm`. Pure: no clock, no I/O, no randomness.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/manifest.h"
#include "model/plan.h"
#include "plan/requests.h"
#include "plan/snapshot.h"

namespace ployz {

// A plan whose `commit` is absent means: already so (outcome `unchanged`). Errors:
// `precondition` (exit 3): image neither present nor pullable (says why), hostname or published
// port of another namespace, host port in use, no machine fits, a participant is silent;
// `unsupported`: volumes (until the volumes port exists).
[[nodiscard]] Result<Plan> plan_deploy(const DeployRequest& request, const Snapshot& snapshot,
                                       const PlanIdentity& identity);

// `not_found`: never existed or is removed already.
[[nodiscard]] Result<Plan> plan_namespace_rm(const NamespaceRmRequest& request,
                                             const Snapshot& snapshot,
                                             const PlanIdentity& identity);

}  // namespace ployz

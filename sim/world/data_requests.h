// What the simulated operators ask of volumes and of whole namespaces, beside deploys.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/world/world.h"

namespace ployz::sim {

// Some command that moves data, or names it; nothing when there is nothing it could be about.
// `namespaces`: those that are deployed to; branches get names of their own.
[[nodiscard]] std::optional<Request> random_data_request(
    Random& random, const std::map<NamespaceName, CommitEntry>& newest,
    const std::vector<Commit>& log, const std::vector<NamespaceName>& namespaces,
    const std::vector<std::string>& machines);
// For the trace.
[[nodiscard]] std::string describe(const Request& request);

}  // namespace ployz::sim

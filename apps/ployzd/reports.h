// Pure: from commits and live facts to what the API answers.
#pragma once

#include <map>
#include <vector>

#include "api/types.h"
#include "plan/snapshot.h"

namespace ployz {

// Where a namespace can be reached: host routes, generated names, published ports, DNS names.
[[nodiscard]] std::vector<EndpointReport> endpoints_of(const Commit& commit,
                                                       const ClusterConfig& config);
[[nodiscard]] NamespaceReport namespace_report(const CommitEntry& newest,
                                               const ClusterConfig& config);
// Committed instances with their live state, and containers that no commit names; of one namespace
// or, with an empty name, of all. Sorted by namespace, service, id.
[[nodiscard]] std::vector<InstanceReport> instance_reports(const Snapshot& snapshot,
                                                           const NamespaceName& name);

}  // namespace ployz

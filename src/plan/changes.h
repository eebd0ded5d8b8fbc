// The lines of a preview: what a plan changes, said to a person. Pure.
#pragma once

#include <vector>

#include "model/plan.h"
#include "plan/layout.h"
#include "plan/snapshot.h"

namespace ployz {

// "web-9f3k2a": a service and the last digits of an instance's id (the first are only its time).
[[nodiscard]] std::string instance_label(const ServiceName& service, const InstanceId& instance);

// Per service one line, one per instance that comes (with the reason for its machine) or goes, and
// one naming the machines that could not be chosen; then the routes and ports.
[[nodiscard]] std::vector<Change> describe_changes(const std::vector<ServiceLayout>& layouts,
                                                   const Snapshot& snapshot);
// A machine that does not answer takes no part; it is named, because it will show the commit only
// when it sees it.
[[nodiscard]] std::vector<Change> describe_silent(const Snapshot& snapshot);

}  // namespace ployz

// What makes a wanted state of a namespace impossible beside the others. Pure.
#pragma once

#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "model/service.h"
#include "plan/snapshot.h"

namespace ployz {

// `precondition` naming both sides: a hostname that another namespace serves (whatever the path: a
// longer prefix would take traffic from it), a hostname below the gateway's own domain, a
// published port of another namespace or in use on a machine, a port of a service on the host's
// network in use there. `invalid`: two services of this namespace claim one route or port, or a
// service that is not on the overlay network is routed to.
// `services`: the namespace's whole next state; `previous`: its newest commit or nullptr, whose
// own ports do not count as in use.
[[nodiscard]] Status check_conflicts(const NamespaceName& name_space,
                                     const std::vector<Service>& services, const Commit* previous,
                                     const Snapshot& snapshot);

// The ports of a service on the host's network that its container binds itself.
[[nodiscard]] std::vector<uint16_t> host_ports_of(const Service& service);

}  // namespace ployz

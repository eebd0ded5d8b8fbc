// From newest commits to what gateway and DNS serve. Pure.
#pragma once

#include <map>
#include <vector>

#include "model/commit.h"
#include "plan/snapshot.h"
#include "ports/dns.h"
#include "ports/gateway.h"

namespace ployz {

struct Projection {
  std::vector<Backend> backends;  // sorted by key
  RouteTable routes;
  DnsRecords records;
  bool operator==(const Projection&) const = default;
};

// Hostname routes, published ports (the gateway's own HTTP port: the route "*"), the generated
// names `<service>.<namespace>.<gateway_domain>` for the first tcp port of every service, and DNS
// `<service>.<namespace>` → every instance's address.
// Two namespaces that claim one hostname or port (the planner refuses it, a race may not): the
// older claim, by sequence, wins.
[[nodiscard]] Projection project(const std::map<NamespaceName, CommitEntry>& newest,
                                 const ClusterConfig& config);

}  // namespace ployz

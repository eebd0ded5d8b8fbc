// Everything a planner may look at: read once, then it is only data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "model/machine.h"
#include "model/names.h"

namespace ployz {

struct ClusterConfig {
  std::string cluster_domain = "cluster.local";
  std::string gateway_domain = "ployz.local";
  uint16_t gateway_http_port = 80;
  bool operator==(const ClusterConfig&) const = default;
};

struct Snapshot {
  ClusterConfig config;
  std::vector<Machine> machines;                // sorted by id
  std::map<MachineId, MachineFacts> facts;      // of those that answered
  std::map<MachineId, Error> silent;            // and of those that did not: why
  std::map<NamespaceName, CommitEntry> newest;  // of every namespace that parses, tombstones too
  // Former commits of the namespaces a request asks for, newest first, without fences; the newest
  // included.
  std::map<NamespaceName, std::vector<CommitEntry>> history;
  uint64_t now_ms = 0;
};

// The ids a plan may mint: the same request, snapshot and identity give the same plan, byte for
// byte.
struct PlanIdentity {
  OperationId operation;
  uint64_t seed = 0;
};

}  // namespace ployz

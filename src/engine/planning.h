// From a request to a plan: reads the snapshot the planner needs and calls it.
#pragma once

#include <functional>
#include <map>
#include <string_view>

#include "engine/session.h"
#include "engine/snapshot_reader.h"

namespace ployz {

// "deploy", "branch", …
[[nodiscard]] std::string_view kind_of(const Request& request);
// Where the commit goes: what is locked.
[[nodiscard]] const NamespaceName& namespace_of(const Request& request);

struct PlanAndSnapshot {
  Plan plan;
  std::vector<Machine> machines;
  std::vector<std::string> notes;
  // The newest commit's, of the namespaces that the plan was made from; 0: none.
  std::map<NamespaceName, uint64_t> sequences;
};

// Changes nothing. Errors: the planner's, `corrupt` when the newest commit of one of the request's
// namespaces does not parse, the store's.
[[nodiscard]] Result<PlanAndSnapshot> plan_now(const EngineConfig& config,
                                               const Engine::Ports& ports, const Request& request,
                                               const OperationId& operation);

// A plan into session.op: plan and kind, and the machines it knows. Called again, under the lease,
// when the namespace or the machines turn out to be other than it says.
using PlanMaker = std::function<Status(Session& session)>;

// plan_now; notes become events. `request` is kept by reference.
[[nodiscard]] PlanMaker planning_of(const Request& request);

}  // namespace ployz

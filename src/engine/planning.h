// From a request to a plan: reads the snapshot the planner needs and calls it.
#pragma once

#include <string_view>

#include "engine/session.h"
#include "engine/snapshot_reader.h"

namespace ployz {

[[nodiscard]] std::string_view kind_of(const Request& request);
[[nodiscard]] const NamespaceName& namespace_of(const Request& request);

struct PlanAndSnapshot {
  Plan plan;
  std::vector<Machine> machines;
  std::vector<std::string> notes;
};

// Changes nothing. Errors: the planner's, `corrupt` when the namespace's own newest commit does not
// parse, the store's.
[[nodiscard]] Result<PlanAndSnapshot> plan_now(const EngineConfig& config,
                                               const Engine::Ports& ports, const Request& request,
                                               const OperationId& operation);

// plan_now into session.op.plan; notes become events.
[[nodiscard]] Status make_plan(Session& session, const Request& request);

}  // namespace ployz

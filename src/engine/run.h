// One operation from its plan to its end: the phases before anything is changed, then the steps.
#pragma once

#include "engine/context.h"
#include "engine/planning.h"

namespace ployz {

// plan, lock, probe, then as execution.h. `make_plan` is called again when the namespace moved on, or
// when a machine does not agree, a bounded number of times. The session's operation has its id and
// the request's namespace. An Error: no operation was recorded.
[[nodiscard]] Result<Operation> run_operation(const EngineContext& context, Session& session,
                                              const PlanMaker& make_plan, const EventSink& events);

}  // namespace ployz

// The receive of a dataset: the source is asked for a ticket, the destination is sent the step with
// it, and asked how far it is until it has ended. The ticket is a secret: in no record, event or
// error.
#pragma once

#include "engine/session.h"
#include "ports/step_request.h"

namespace ployz {

// What the step's machine answered in the end. A cut stream is begun again with a new ticket, a
// bounded number of times; what took long is not bounded in total, but by the time in which nothing
// arrives. `canceled` as soon as `cancel` is requested: then the step's undo ends what runs. Blocks;
// thread-safe.
[[nodiscard]] Result<Json> call_receive(Session& session, const Step& step, StepRequest request,
                                        const std::stop_token& cancel);

// A round of a migration that the one before it has made superfluous, because it sent next to
// nothing. `step` is one of plan.apply.
[[nodiscard]] bool may_skip(const Operation& operation, const Step& step);

}  // namespace ployz

// One step, sent to its machine: how long it may take, how often it is repeated.
#pragma once

#include <chrono>
#include <string>

#include "engine/session.h"

namespace ployz {

// The action's own bound (start period, grace, …) plus the configured slack.
[[nodiscard]] std::chrono::milliseconds bound_of(const Action& action, const EngineConfig& config);

// "start web-9f3k2a (10.101.0.7) on m1".
[[nodiscard]] std::string describe_on(const Session& session, const Action& action,
                                      const MachineId& machine);

// The step's action, repeated on `unavailable` and `timeout`, and while the machine says that it runs,
// for twice its bound: machines answer a repeated step with its first result, which is returned.
// Blocks; thread-safe. `cancel` ends only the pauses, and the wait for a dataset to arrive.
[[nodiscard]] Result<Json> call_apply(Session& session, const Step& step, std::stop_token cancel);
// The index-th undo action, repeated in the same way but not to be canceled.
[[nodiscard]] Status call_undo(const Session& session, const Step& step, size_t index);

[[nodiscard]] MachineRpc::Call undo_call(const Session& session, const Step& step, size_t index);

}  // namespace ployz

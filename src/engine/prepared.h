// Plans that are saved to be applied later: KV bucket `plans`, one record for each, its key the id of
// the operation that will run it. Expired ones are removed when another is saved.
#pragma once

#include "engine/context.h"

namespace ployz {

// As Engine::prepare and Engine::apply_prepared.
[[nodiscard]] Result<PreparedPlan> prepare_plan(const EngineConfig& config,
                                                const Engine::Ports& ports,
                                                const Request& request,
                                                std::chrono::milliseconds ttl);
[[nodiscard]] Result<Operation> run_prepared(const EngineContext& context, const OperationId& id,
                                             const EventSink& events, std::stop_token cancel);

[[nodiscard]] std::string encode(const PreparedPlan& prepared);
[[nodiscard]] Result<PreparedPlan> decode_prepared(std::string_view bytes);

}  // namespace ployz

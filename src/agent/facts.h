// Answers of the agent about its own machine: the facts planners read, and the check of a claim.
#pragma once

#include "agent/agent.h"
#include "agent/reservations.h"

namespace ployz {

// Live facts; `router_answers` stays false, because only the asker can ask the router.
// Errors: those of the ports.
[[nodiscard]] Result<MachineFacts> gather_facts(const AgentConfig& config,
                                                const Agent::Ports& ports,
                                                Reservations& reservations,
                                                const FactsRequest& request);

// Holds the claim's addresses when everything it names is there. `precondition` names all that is
// missing at once and holds nothing; `conflict`: a higher attempt was seen.
[[nodiscard]] Status check_claim(const AgentConfig& config, const Agent::Ports& ports,
                                 Reservations& reservations, const ProbeRequest& request);

}  // namespace ployz

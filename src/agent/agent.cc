#include "agent/agent.h"

#include "agent/facts.h"
#include "agent/readiness_waiter.h"
#include "agent/reservations.h"
#include "agent/step_executor.h"

namespace ployz {
namespace {

// A coordinator that was away longer than this cannot still be repeating a step.
constexpr uint64_t kKeepJournalMs = 7ull * 24 * 3600 * 1000;

}  // namespace

struct Agent::Impl {
  Impl(AgentConfig the_config, Ports the_ports)
      : config(std::move(the_config)),
        ports(the_ports),
        readiness(ports.containers, ports.prober, ports.clock),
        steps(config, ports, readiness, reservations) {}

  AgentConfig config;
  Ports ports;
  Reservations reservations;
  ReadinessWaiter readiness;
  StepExecutor steps;
};

Agent::Agent(AgentConfig config, Ports ports)
    : impl_(std::make_unique<Impl>(std::move(config), ports)) {
  const uint64_t now_ms = ports.clock.wall_ms();
  // Only tidiness: a journal that cannot be pruned says so at the next record.
  if (now_ms > kKeepJournalMs) (void)ports.journal.prune(now_ms - kKeepJournalMs);
}

Agent::~Agent() { impl_->readiness.cancel_all(); }

Result<Json> Agent::handle(const std::string& command, const Json& request) {
  Impl& agent = *impl_;
  if (command == "facts") {
    const FactsRequest facts = TRY(facts_request_from_json(request));
    return to_json(TRY(gather_facts(agent.config, agent.ports, agent.reservations, facts)));
  }
  if (command == "probe") {
    const ProbeRequest probe = TRY(probe_request_from_json(request));
    TRY(check_claim(agent.config, agent.ports, agent.reservations, probe));
    return Json::object();
  }
  if (command == "step") return agent.steps.run(TRY(step_request_from_json(request)));
  if (command == "ping") return Json{{"machine", agent.config.self.id.str()}};
  return fail(Code::unsupported, "agent: unknown command '" + command + "'",
              "the machines run different versions of Ployz");
}

}  // namespace ployz

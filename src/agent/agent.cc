#include "agent/agent.h"

#include <format>

#include "agent/dataset_receives.h"
#include "agent/dataset_steps.h"
#include "agent/facts.h"
#include "agent/instance_pauses.h"
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
        pauses(ports.containers, ports.clock),
        datasets(ports.volumes, pauses),
        receives(ports.volumes, ports.transfers),
        steps(config, ports, {readiness, reservations, pauses, datasets, receives}) {}

  Result<Json> offer_dataset(const DatasetOfferRequest& request);

  AgentConfig config;
  Ports ports;
  Reservations reservations;
  ReadinessWaiter readiness;
  InstancePauses pauses;
  DatasetSteps datasets;
  DatasetReceives receives;
  StepExecutor steps;
};

// The stream may outlive the agent; it ends with Transfers, which volumes outlive.
Result<Json> Agent::Impl::offer_dataset(const DatasetOfferRequest& request) {
  if (ports.volumes == nullptr || ports.transfers == nullptr) return keeps_no_volumes();
  const auto dataset = TRY(ports.volumes->find(request.dataset));
  if (!dataset || dataset->snapshot(request.snapshot) == nullptr) {
    return fail(Code::not_found,
                std::format("snapshot {} of dataset {} is not on machine {}",
                            request.snapshot.str(), request.dataset.str(), config.self.name));
  }
  StreamTicket ticket;
  ticket.address = ports.transfers->address();
  ticket.key = TRY(ports.transfers->offer(
      {std::string(kDatasetStream), request.operation.str()},
      [volumes = ports.volumes, request](MachineStream& stream, const std::stop_token& stop) {
        return send_dataset(*volumes, request.dataset, request.snapshot, stream, stop);
      }));
  return to_json(ticket);
}

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
  if (command == "dataset_offer") {
    return agent.offer_dataset(TRY(dataset_offer_request_from_json(request)));
  }
  if (command == "ping") return Json{{"machine", agent.config.self.id.str()}, {"protocol", kRpcVersion}};
  return fail(Code::unsupported, "agent: unknown command '" + command + "'",
              "the machines run different versions of Ployz");
}

}  // namespace ployz

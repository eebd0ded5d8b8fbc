#include "engine/probe.h"

#include <algorithm>
#include <format>
#include <set>

#include "ports/step_request.h"

namespace ployz {
namespace {

// One error for all objections: its code is that of the gravest, since a machine that is away will
// not be there for another plan either.
Status combine(const std::vector<Error>& objections) {
  if (objections.empty()) return {};
  Error all = objections.front();
  for (const Error& objection : objections | std::views::drop(1)) {
    all.message += "; " + objection.message;
    const bool retryable = objection.code == Code::conflict || objection.code == Code::precondition;
    if (!retryable) all.code = objection.code;
  }
  all.effect = Effect::none;
  return fail(std::move(all));
}

}  // namespace

Status probe_claims(Session& session) {
  std::vector<MachineRpc::Call> calls;
  for (const Claim& claim : session.op.plan.claims) {
    calls.push_back({{claim.machine, Target::agent, "probe"},
                     to_json(ProbeRequest{session.op.id, session.op.attempt, claim})});
    if (claim.needs_router) {
      calls.push_back({{claim.machine, Target::router, "ping"}, Json::object()});
    }
  }
  const auto answers = session.ports.rpc.call_all(calls, session.config.rpc_timeout);
  std::vector<Error> objections;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (answers[i]) continue;
    const bool router = calls[i].to.target == Target::router;
    objections.push_back(Error(answers[i].error())
                             .at(std::format("{} of machine {}", router ? "router" : "agent",
                                             session.name_of(calls[i].to.machine))));
  }
  return combine(objections);
}

Status verify_started(Session& session) {
  std::map<MachineId, std::set<InstanceId>> started;
  for (const Step& step : session.op.plan.apply) {
    const auto* run = std::get_if<RunInstance>(&step.action);
    const auto record = session.op.steps.find(step.id);
    if (run == nullptr || record == session.op.steps.end()) continue;
    if (record->second.state == StepState::done) started[step.machine].insert(run->instance);
  }
  std::vector<MachineRpc::Call> calls;
  for (const auto& [machine, instances] : started) {
    calls.push_back({{machine, Target::agent, "facts"}, to_json(FactsRequest{})});
  }
  const auto answers = session.ports.rpc.call_all(calls, session.config.rpc_timeout);
  for (size_t i = 0; i < calls.size(); ++i) {
    const MachineId& machine = calls[i].to.machine;
    if (!answers[i]) return fail(Error(answers[i].error()).at(session.name_of(machine)));
    const MachineFacts facts = TRY(machine_facts_from_json(*answers[i]));
    for (const InstanceId& id : started[machine]) {
      const auto found = std::ranges::find(facts.instances, id, &FoundInstance::id);
      if (found != facts.instances.end() && found->state == InstanceState::running) continue;
      return fail(Code::precondition,
                  std::format("instance {}, which the operation started on {}, does not run any "
                              "more",
                              id.str(), session.name_of(machine)));
    }
  }
  return {};
}

}  // namespace ployz

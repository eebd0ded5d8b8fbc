#include "engine/probe.h"

#include <algorithm>
#include <format>

#include "engine/snapshot_reader.h"
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

bool brings_data(const Step& step) {
  return std::holds_alternative<EnsureDataset>(step.action) ||
         std::holds_alternative<CloneDataset>(step.action) ||
         std::holds_alternative<ReceiveDataset>(step.action);
}

// Since the plan was made a machine may have been put on standby, or is being drained. The journal has
// the record of this operation by now, so whoever drains sees it, or is seen here.
Status still_take_it(Session& session) {
  std::vector<std::string> notes;
  const auto machines = TRY(read_machines(session.ports.records, notes));
  for (const Step& step : session.op.plan.apply) {
    const auto machine = std::ranges::find(machines, step.machine, &Machine::id);
    // One that is gone does not answer either.
    if (machine == machines.end() || machine->state == MachineState::active) continue;
    // On standby what is there may be cloned; a machine that is emptied gets nothing at all.
    const bool emptied = machine->state != MachineState::standby;
    if (!std::holds_alternative<RunInstance>(step.action) && !(emptied && brings_data(step))) continue;
    return fail(Code::precondition,
                std::format("machine {} is {} now", machine->name, to_string(machine->state)),
                "see: ployzctl machine ls");
  }
  return {};
}

}  // namespace

Status probe_claims(Session& session) {
  TRY(still_take_it(session));
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

}  // namespace ployz

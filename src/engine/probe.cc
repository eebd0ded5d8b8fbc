#include "engine/probe.h"

#include <algorithm>
#include <format>

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

}  // namespace ployz

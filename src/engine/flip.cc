#include "engine/flip.h"

#include <algorithm>

#include "engine/record_write.h"
#include "ports/step_request.h"

namespace ployz {
namespace {

std::vector<MachineId> routers_of(const Session& session) {
  std::vector<MachineId> machines;
  for (const Claim& claim : session.op.plan.claims) {
    if (claim.needs_router && !session.is_gone(claim.machine)) machines.push_back(claim.machine);
  }
  return machines;
}

}  // namespace

bool flip(Session& session) {
  const Json request = to_json(FlipRequest{session.op.name_space, session.op.committed_sequence});
  std::vector<MachineId> waiting = routers_of(session);
  const uint64_t deadline_ms =
      session.ports.clock.steady_ms() + static_cast<uint64_t>(session.config.flip_timeout.count());
  for (int round = 1; !waiting.empty(); ++round) {
    const uint64_t now_ms = session.ports.clock.steady_ms();
    if (now_ms >= deadline_ms) break;
    std::vector<MachineRpc::Call> calls;
    for (const MachineId& machine : waiting) {
      calls.push_back({{machine, Target::router, "flip"}, request});
    }
    const auto answers =
        session.ports.rpc.call_all(calls, std::chrono::milliseconds(deadline_ms - now_ms));
    std::vector<MachineId> left;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (answers[i]) {
        session.emit(Event::Kind::step_done, session.name_of(waiting[i]) + " serves the commit");
      } else {
        left.push_back(waiting[i]);
      }
    }
    waiting = std::move(left);
    session.lease.renew_if_due();
    // A router that is restarted by its init system answers again within about a second.
    if (!waiting.empty() && !session.ports.clock.sleep_for(backoff(round), session.cancel)) break;
  }
  session.op.unconfirmed.clear();
  for (const MachineId& machine : waiting) {
    session.op.unconfirmed.push_back(session.name_of(machine));
  }
  for (const std::string& name : session.silent_machines()) session.op.unconfirmed.push_back(name);
  for (const std::string& name : session.op.unconfirmed) {
    session.emit(Event::Kind::note, "not confirmed by " + name);
  }
  return waiting.empty();
}

}  // namespace ployz

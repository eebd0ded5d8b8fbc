#include "engine/step_calls.h"

#include <format>

#include "engine/receive_calls.h"
#include "engine/record_write.h"
#include "ports/step_request.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// A machine whose daemon is restarted by its init system answers again within about a second.
constexpr int kTriesUnavailable = 5;
// Each has waited for the step's whole bound already.
constexpr int kTriesTimeout = 2;
// A pull of a large image over a slow line.
constexpr milliseconds kPullBound{15 * 60'000};
// A dataset of many million files, whose snapshots are shared.
constexpr milliseconds kDestroyBound{60'000};

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

StepRequest request_for(const Session& session, const Step& step, StepVerb verb, size_t index) {
  StepRequest request;
  request.operation = session.op.id;
  request.attempt = session.op.attempt;
  request.step = step.id;
  request.verb = verb;
  request.index = index;
  request.action = verb == StepVerb::apply ? step.action : step.undo[index];
  if (std::holds_alternative<PrepareRoutes>(request.action)) {
    request.candidate = session.op.plan.commit;
  }
  return request;
}

Result<Json> call(const Session& session, const Step& step, const StepRequest& request,
                  std::stop_token cancel) {
  const RpcAddress to{step.machine, step.target, "step"};
  const Json json = to_json(request);
  const milliseconds bound = bound_of(request.action, session.config);
  int unavailable = 0;
  int timeouts = 0;
  while (true) {
    auto answer = session.ports.rpc.call(to, json, bound);
    if (answer) return answer;
    Error& error = answer.error();
    const bool again = (error.code == Code::unavailable && ++unavailable < kTriesUnavailable) ||
                       (error.code == Code::timeout && ++timeouts < kTriesTimeout);
    if (!again || !session.ports.clock.sleep_for(2 * backoff(unavailable + timeouts), cancel)) {
      return fail(std::move(error).at(describe_on(session, request.action, step.machine)));
    }
  }
}

}  // namespace

milliseconds bound_of(const Action& action, const EngineConfig& config) {
  return config.step_slack + std::visit(Overloaded{
                                            [](const EnsureImage&) { return kPullBound; },
                                            [](const AwaitReady& a) {
                                              const Readiness& r = a.readiness;
                                              return r.kind == Readiness::Kind::none
                                                         ? r.interval
                                                         : r.start_period + r.timeout;
                                            },
                                            [](const StopInstance& a) { return a.grace; },
                                            [](const RemoveInstance& a) { return a.grace; },
                                            [](const DrainRoutes& a) { return a.limit; },
                                            [](const AwaitRoutes& a) { return a.limit; },
                                            [](const DestroyDataset&) { return kDestroyBound; },
                                            [](const DestroySnapshots&) { return kDestroyBound; },
                                            [&](const auto&) { return config.rpc_timeout; },
                                        },
                                        action);
}

std::string describe_on(const Session& session, const Action& action, const MachineId& machine) {
  return std::format("{} on {}", describe(action), session.name_of(machine));
}

Result<Json> call_apply(Session& session, const Step& step, std::stop_token cancel) {
  StepRequest request = request_for(session, step, StepVerb::apply, 0);
  if (!std::holds_alternative<ReceiveDataset>(step.action)) {
    return call(session, step, request, std::move(cancel));
  }
  if (may_skip(session.op, step)) return Json{{"skipped", true}};
  auto received = call_receive(session, step, std::move(request), cancel);
  if (received) return received;
  return fail(Error(received.error()).at(describe_on(session, step.action, step.machine)));
}

Status call_undo(const Session& session, const Step& step, size_t index) {
  TRY(call(session, step, request_for(session, step, StepVerb::undo, index), {}));
  return {};
}

MachineRpc::Call undo_call(const Session& session, const Step& step, size_t index) {
  return {{step.machine, step.target, "step"},
          to_json(request_for(session, step, StepVerb::undo, index))};
}

}  // namespace ployz

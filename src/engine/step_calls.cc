#include "engine/step_calls.h"

#include <algorithm>
#include <format>

#include "engine/receive_calls.h"
#include "engine/record_write.h"
#include "ports/step_request.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// A machine whose daemon is restarted by its init system answers again within about a second.
constexpr int kTriesUnavailable = 5;
// How often its whole bound a step is waited for: what is slow beyond measure is given one more.
constexpr int kTriesTimeout = 2;
// An agent that has not answered by then is asked again, and says that the step runs, or begins it:
// a step dies with its agent, and no message tells. (Its unit starts it again within a second; waiting
// for the step's bound cost 25 to 90 s.) Most steps are done before; asking costs next to nothing.
constexpr milliseconds kFirstAnswer{2000};
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

// Agents are asked every few seconds; routers, which have no word for a step that runs, once a bound.
class Asking {
 public:
  Asking(const Session& session, const Step& step, const StepRequest& request)
      : session_(session),
        to_{step.machine, step.target, "step"},
        json_(to_json(request)),
        bound_(bound_of(request.action, session.config)),
        limit_(step.target == Target::agent ? std::min(bound_, kFirstAnswer) : bound_),
        began_ms_(session.ports.clock.steady_ms()) {}

  Result<Json> run(const std::stop_token& cancel) {
    while (true) {
      auto answer = session_.ports.rpc.call(to_, json_, limit_);
      if (limit_ < bound_) limit_ = session_.config.rpc_timeout;
      if (answer && !answer->contains("running")) return answer;
      if (answer && is_patient()) continue;
      if (answer) return still_running();
      if (!may_repeat(answer.error())) return answer;
      if (!session_.ports.clock.sleep_for(2 * backoff(unavailable_ + timeouts_), cancel)) return answer;
    }
  }

 private:
  // For as long as the step may take twice.
  bool is_patient() const {
    const uint64_t waited_ms = session_.ports.clock.steady_ms() - began_ms_;
    return waited_ms < static_cast<uint64_t>(kTriesTimeout * bound_.count());
  }
  bool may_repeat(const Error& error) {
    if (error.code == Code::unavailable) return ++unavailable_ < kTriesUnavailable;
    if (error.code != Code::timeout) return false;
    ++timeouts_;
    const bool unanswered = error.effect == Effect::unknown;
    return unanswered && limit_ < bound_ ? is_patient() : timeouts_ < kTriesTimeout;
  }
  std::unexpected<Error> still_running() const {
    return fail(Code::timeout,
                std::format("it still runs after {} s", kTriesTimeout * bound_.count() / 1000), "",
                Effect::unknown);
  }

  const Session& session_;
  const RpcAddress to_;
  const Json json_;
  const milliseconds bound_;
  milliseconds limit_;  // of the next call
  const uint64_t began_ms_;
  int unavailable_ = 0;
  int timeouts_ = 0;
};

Result<Json> call(const Session& session, const Step& step, const StepRequest& request,
                  const std::stop_token& cancel) {
  auto answer = Asking(session, step, request).run(cancel);
  if (answer) return answer;
  return fail(std::move(answer).error().at(describe_on(session, request.action, step.machine)));
}

}  // namespace

milliseconds bound_of(const Action& action, const EngineConfig& config) {
  return config.step_slack + std::visit(Overloaded{
                                            [](const EnsureImage&) { return kPullBound; },
                                            [](const AwaitReady& a) { return longest_wait(a.readiness); },
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
  const auto name_of = [&](const MachineId& id) { return session.name_of(id); };
  return std::format("{} on {}", describe(action, name_of), name_of(machine));
}

Result<Json> call_apply(Session& session, const Step& step, std::stop_token cancel) {
  StepRequest request = request_for(session, step, StepVerb::apply, 0);
  if (!std::holds_alternative<ReceiveDataset>(step.action)) {
    return call(session, step, request, cancel);
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

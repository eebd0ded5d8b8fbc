#include "engine/receive_calls.h"

#include <format>

#include "engine/receive_text.h"
#include "engine/record_write.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// A source whose daemon is restarted offers again within about a second; a cut that lasts longer
// than these (12 s) is a failure that the operator should see.
constexpr int kTries = 6;
// A machine answers within kStepReplyMs, so this many silent calls are a machine that is away.
constexpr int kLostAnswers = 3;
// The source may have to walk a large tree before the first byte, and a pool that flushes stands
// still for a while.
constexpr uint64_t kStillMs = 10 * 60'000;
// The destination counts what it gets; less than this is sent while the writers stand still anyway.
constexpr uint64_t kNextToNothing = 4 << 20;

// The stream's errors have the same codes as the RPC's; only a missing answer leaves open what
// became of the request.
bool is_unanswered(const Error& error) {
  return error.code == Code::timeout && error.effect == Effect::unknown;
}

bool of_the_stream(const Error& error) {
  if (is_unanswered(error)) return false;  // it was repeated already
  return error.code == Code::unavailable || error.code == Code::timeout ||
         error.code == Code::corrupt || error.code == Code::denied;
}

class Receiving {
 public:
  Receiving(Session& session, const Step& step, StepRequest request, const std::stop_token& cancel)
      : session_(session),
        clock_(session.ports.clock),
        step_(step),
        action_(std::get<ReceiveDataset>(step.action)),
        request_(std::move(request)),
        cancel_(cancel) {}

  Result<Json> run() {
    for (int tries = 1;; ++tries) {
      // A former coordinator may have begun it.
      auto done = attempt(tries == 1 && session_.op.attempt > 1);
      if (done) return done;
      const Error& error = done.error();
      if (!of_the_stream(error) || tries == kTries) return done;
      session_.emit(Event::Kind::note, std::format("{}: again, because {}",
                                                   action_.spec.volume.str(), error.message));
      if (!clock_.sleep_for(2 * backoff(tries), cancel_)) return canceled();
    }
  }

 private:
  std::unexpected<Error> canceled() const {
    return fail(Code::canceled, std::format("receiving {} was canceled", action_.spec.volume.str()));
  }

  // The ticket, which is good for one stream.
  Status ask_source() {
    const DatasetOfferRequest offer{session_.op.id, action_.source.dataset,
                                    action_.source.snapshot};
    const auto answer = ask({action_.from, Target::agent, "dataset_offer"}, to_json(offer),
                            session_.config.rpc_timeout);
    if (!answer) return fail(Error(answer.error()).at(session_.name_of(action_.from)));
    request_.ticket = TRY(stream_ticket_from_json(*answer));
    return {};
  }

  // One stream from its ticket to its end; `may_run`: it may be under way without our ticket.
  Result<Json> attempt(bool may_run) {
    request_.ticket.reset();
    if (!may_run) TRY(ask_source());
    bool begun = !may_run;
    ReceiveText text(action_.spec.volume.str(), clock_.steady_ms());
    uint64_t moved_ms = clock_.steady_ms();
    uint64_t last_bytes = 0;
    while (true) {
      if (cancel_.stop_requested()) return canceled();
      const Json answer = TRY(ask({step_.machine, step_.target, "step"}, to_json(request_),
                                  session_.config.rpc_timeout + session_.config.step_slack));
      if (answer.contains("needs_ticket")) {
        if (begun) return fail(Code::unavailable, "the machine that receives it was restarted");
        TRY(ask_source());
        begun = true;
        continue;
      }
      if (!answer.contains("running")) return answer;
      begun = true;
      request_.ticket.reset();
      const Json running = TRY(get_object(answer, "running"));
      const uint64_t bytes = TRY(get_uint_or(running, "bytes", last_bytes));
      const uint64_t now_ms = clock_.steady_ms();
      if (const auto line = text.next(bytes, TRY(get_uint_or(running, "total_bytes", 0)), now_ms)) {
        session_.emit(Event::Kind::progress, *line);
      }
      if (bytes != last_bytes) moved_ms = now_ms;
      last_bytes = bytes;
      if (now_ms - moved_ms < kStillMs) continue;
      return fail(Code::precondition, std::format("nothing of {} has arrived for {} minutes",
                                                  action_.spec.volume.str(), kStillMs / 60'000));
    }
  }

  // Repeated while no answer comes: a request that arrives twice attaches to what runs.
  Result<Json> ask(const RpcAddress& to, const Json& request, milliseconds bound) {
    for (int lost = 1;; ++lost) {
      auto answer = session_.ports.rpc.call(to, request, bound);
      if (answer || !is_unanswered(answer.error()) || lost == kLostAnswers) return answer;
      if (!clock_.sleep_for(2 * backoff(lost), cancel_)) return canceled();
    }
  }

  Session& session_;
  Clock& clock_;
  const Step& step_;
  const ReceiveDataset& action_;
  StepRequest request_;
  const std::stop_token& cancel_;
};

}  // namespace

Result<Json> call_receive(Session& session, const Step& step, StepRequest request,
                          const std::stop_token& cancel) {
  return Receiving(session, step, std::move(request), cancel).run();
}

bool may_skip(const Operation& operation, const Step& step) {
  const auto* action = std::get_if<ReceiveDataset>(&step.action);
  if (action == nullptr || !action->live) return false;
  const StepRecord* before = nullptr;
  for (const Step& other : operation.plan.apply) {
    if (other.id == step.id) break;
    const auto* round = std::get_if<ReceiveDataset>(&other.action);
    if (round == nullptr || !round->live || round->spec.id != action->spec.id) continue;
    const auto found = operation.steps.find(other.id);
    before = found == operation.steps.end() ? nullptr : &found->second;
  }
  if (before == nullptr || before->state != StepState::done) return false;
  if (get_bool_or(before->result, "skipped", false).value_or(false)) return true;
  const auto bytes = get_uint(before->result, "bytes");
  return bytes && *bytes < kNextToNothing;
}

}  // namespace ployz

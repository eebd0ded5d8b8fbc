#include "engine/apply.h"

#include <algorithm>
#include <format>

#include "engine/step_calls.h"
#include "engine/waves.h"

namespace ployz {
namespace {

// How soon a running wave notices that it should stop.
constexpr std::chrono::milliseconds kTick{250};
// How long the cancel of a wait may keep the ticking thread; the undo proper comes afterwards.
constexpr std::chrono::milliseconds kCutShortTimeout{1000};

using Wave = std::vector<const Step*>;

struct StepOutcome {
  Result<Json> result = Json::object();
  uint64_t ended_at_ms = 0;
};

Wave not_done(const Session& session, const Wave& wave) {
  Wave left;
  for (const Step* step : wave) {
    const auto record = session.op.steps.find(step->id);
    if (record == session.op.steps.end() || record->second.state != StepState::done) {
      left.push_back(step);
    }
  }
  return left;
}

// The undo of the instances this wave waits for: a machine that is told to remove an instance ends
// the wait for it. Sent while the wave still runs, so the journal must say `undoing` first.
void cut_waits_short(Session& session, const Wave& wave) {
  std::vector<MachineRpc::Call> calls;
  for (const Step* step : wave) {
    const auto* await = std::get_if<AwaitReady>(&step->action);
    if (await == nullptr) continue;
    for (const Step& other : session.op.plan.apply) {
      const auto* run = std::get_if<RunInstance>(&other.action);
      if (run == nullptr || run->instance != await->instance || other.undo.empty()) continue;
      calls.push_back(undo_call(session, other, 0));
    }
  }
  if (calls.empty()) return;
  session.op.undoing = true;
  if (!session.save()) return;
  // The answers do not matter: the undo repeats every one of them and waits.
  (void)session.ports.rpc.call_all(calls, kCutShortTimeout);
}

std::vector<StepOutcome> run_wave(Session& session, const Wave& wave, bool reversible) {
  std::vector<StepOutcome> outcomes(wave.size());
  // A failure will undo the whole wave: what takes hours beside it need not be waited for.
  std::stop_source ending;
  const std::stop_callback forward(session.cancel, [&ending] { ending.request_stop(); });
  std::vector<std::function<void()>> tasks;
  for (size_t i = 0; i < wave.size(); ++i) {
    tasks.push_back([&, i] {
      const Step& step = *wave[i];
      const std::string text = describe_on(session, step.action, step.machine);
      session.emit(Event::Kind::step_started, text);
      outcomes[i].result = call_apply(session, step, ending.get_token());
      outcomes[i].ended_at_ms = session.ports.clock.wall_ms();
      if (outcomes[i].result) {
        session.emit(Event::Kind::step_done, text);
      } else {
        session.emit(Event::Kind::step_failed, outcomes[i].result.error().message);
        if (reversible) ending.request_stop();
      }
    });
  }
  bool cut = false;
  session.ports.executor.run_all(std::move(tasks), kTick, [&] {
    session.lease.renew_if_due();
    if (!reversible || cut || !session.canceled()) return;
    cut = true;
    cut_waits_short(session, wave);
  });
  return outcomes;
}

// Before it is sent. What a former attempt began has begun then.
void mark_started(Session& session, const Step& step) {
  StepRecord& record = session.op.steps[step.id];
  record.state = StepState::started;
  record.error.reset();
  if (record.started_at_ms == 0) record.started_at_ms = session.ports.clock.wall_ms();
}

void record_outcomes(Session& session, const Wave& wave, std::vector<StepOutcome>& outcomes) {
  for (size_t i = 0; i < wave.size(); ++i) {
    StepRecord& record = session.op.steps[wave[i]->id];
    record.ended_at_ms = outcomes[i].ended_at_ms;
    if (outcomes[i].result) {
      record.state = StepState::done;
      record.result = *std::move(outcomes[i].result);
    } else {
      record.state = StepState::failed;
      record.error = outcomes[i].result.error();
    }
  }
}

std::unexpected<Error> canceled(const Session& session) {
  return fail(Code::canceled, std::format("{} of namespace {} was canceled", session.op.kind,
                                          session.op.name_space.str()));
}

// The most telling failure: one that says why over one that only did not answer.
Status first_failure(const Session& session, const Wave& wave) {
  const Error* worst = nullptr;
  for (const Step* step : wave) {
    const StepRecord& record = session.op.steps.at(step->id);
    if (!record.error) continue;
    const Error& error = *record.error;
    if (worst == nullptr || worst->code == Code::canceled ||
        (worst->code == Code::timeout && error.code != Code::canceled)) {
      worst = &error;
    }
  }
  if (worst == nullptr) return {};
  return fail(*worst);
}

}  // namespace

Status apply_steps(Session& session) {
  for (const Wave& all : waves_of(session.op.plan.apply)) {
    const Wave wave = not_done(session, all);
    if (wave.empty()) continue;
    if (session.canceled()) return canceled(session);
    for (const Step* step : wave) mark_started(session, *step);
    // A step that leaves nothing to undo need not be known to who takes over.
    if (std::ranges::any_of(wave, [](const Step* step) { return !step->undo.empty(); })) {
      TRY(session.save());
    }
    std::vector<StepOutcome> outcomes = run_wave(session, wave, true);
    record_outcomes(session, wave, outcomes);
    if (session.canceled()) return canceled(session);
    TRY(first_failure(session, wave));
    session.lease.renew_if_due();
  }
  return {};
}

Status cleanup_steps(Session& session) {
  Status outcome;
  for (const Wave& all : waves_of(session.op.plan.cleanup)) {
    Wave wave;
    for (const Step* step : not_done(session, all)) {
      const bool ready = std::ranges::all_of(step->after, [&](const StepId& before) {
        return session.op.steps[before].state == StepState::done;
      });
      if (session.is_gone(step->machine)) {
        session.op.steps[step->id].state = StepState::done;
        session.op.steps[step->id].error.reset();
      } else if (ready) {
        mark_started(session, *step);
        wave.push_back(step);
      }
    }
    if (wave.empty()) continue;
    if (session.canceled()) return outcome ? canceled(session) : outcome;
    std::vector<StepOutcome> outcomes = run_wave(session, wave, false);
    record_outcomes(session, wave, outcomes);
    session.lease.renew_if_due();
    if (Status failure = first_failure(session, wave); !failure && outcome) outcome = std::move(failure);
  }
  return outcome;
}

}  // namespace ployz

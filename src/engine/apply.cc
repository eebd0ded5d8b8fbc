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

std::vector<Status> run_wave(Session& session, const Wave& wave, bool reversible) {
  std::vector<Status> results(wave.size());
  std::vector<std::function<void()>> tasks;
  for (size_t i = 0; i < wave.size(); ++i) {
    tasks.push_back([&session, &wave, &results, i] {
      const Step& step = *wave[i];
      const std::string text = describe_on(session, step.action, step.machine);
      session.emit(Event::Kind::step_started, text);
      results[i] = call_apply(session, step, session.cancel);
      if (results[i]) {
        session.emit(Event::Kind::step_done, text);
      } else {
        session.emit(Event::Kind::step_failed, results[i].error().message);
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
  return results;
}

void record_results(Session& session, const Wave& wave, const std::vector<Status>& results) {
  for (size_t i = 0; i < wave.size(); ++i) {
    StepRecord& record = session.op.steps[wave[i]->id];
    record.state = results[i] ? StepState::done : StepState::failed;
    record.error = results[i] ? std::nullopt : std::optional(results[i].error());
  }
}

std::unexpected<Error> canceled(const Session& session) {
  return fail(Code::canceled, std::format("{} of namespace {} was canceled", session.op.kind,
                                          session.op.name_space.str()));
}

// The most telling failure: one that says why over one that only did not answer.
Status first_failure(const std::vector<Status>& results) {
  const Error* worst = nullptr;
  for (const Status& result : results) {
    if (result) continue;
    const Error& error = result.error();
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
    for (const Step* step : wave) session.op.steps[step->id] = {StepState::started, std::nullopt};
    // A step that leaves nothing to undo need not be known to who takes over.
    if (std::ranges::any_of(wave, [](const Step* step) { return !step->undo.empty(); })) {
      TRY(session.save());
    }
    const std::vector<Status> results = run_wave(session, wave, true);
    record_results(session, wave, results);
    if (session.canceled()) return canceled(session);
    TRY(first_failure(results));
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
        session.op.steps[step->id] = {StepState::done, std::nullopt};
      } else if (ready) {
        session.op.steps[step->id] = {StepState::started, std::nullopt};
        wave.push_back(step);
      }
    }
    if (wave.empty()) continue;
    if (session.canceled()) return outcome ? canceled(session) : outcome;
    const std::vector<Status> results = run_wave(session, wave, false);
    record_results(session, wave, results);
    session.lease.renew_if_due();
    if (Status failure = first_failure(results); !failure && outcome) outcome = std::move(failure);
  }
  return outcome;
}

}  // namespace ployz

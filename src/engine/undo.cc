#include "engine/undo.h"

#include <algorithm>
#include <format>
#include <ranges>

#include "engine/step_calls.h"
#include "engine/waves.h"

namespace ployz {
namespace {

constexpr std::chrono::milliseconds kTick{1000};

struct StepUndo {
  const Step* step = nullptr;
  std::optional<std::string> left;
  std::vector<std::string> lost;
};

void undo_one(Session& session, StepUndo& undo) {
  const Step& step = *undo.step;
  for (size_t index = 0; index < step.undo.size(); ++index) {
    const Action& action = step.undo[index];
    const Status undone = call_undo(session, step, index);
    if (undone) {
      session.emit(Event::Kind::undo, describe_on(session, action, step.machine));
      continue;
    }
    const Error& error = undone.error();
    session.emit(Event::Kind::note, "undo failed: " + error.message);
    // There is nothing left to start: no repetition can bring it back.
    if (error.code == Code::not_found && std::holds_alternative<StartInstance>(action)) {
      undo.lost.push_back(error.message);
      continue;
    }
    undo.left = error.message;
    return;
  }
}

// `incomplete`: something of a later wave is left. Then what only looks at the result, whether the
// old instances are served again, waits for the attempt that has started them all (seed 797).
std::vector<StepUndo> steps_to_undo(Session& session, const std::vector<const Step*>& wave,
                                    bool incomplete) {
  std::vector<StepUndo> undos;
  for (const Step* step : wave) {
    const auto record = session.op.steps.find(step->id);
    if (record == session.op.steps.end() || record->second.state == StepState::pending ||
        record->second.state == StepState::undone) {
      continue;
    }
    if (step->undo.empty()) continue;
    if (incomplete && std::holds_alternative<AwaitRoutes>(step->action)) continue;
    if (session.is_gone(step->machine)) {
      record->second.state = StepState::undone;
      continue;
    }
    undos.push_back({step, std::nullopt, {}});
  }
  return undos;
}

}  // namespace

UndoResult undo_steps(Session& session) {
  UndoResult result;
  const auto waves = waves_of(session.op.plan.apply);
  for (const auto& wave : std::views::reverse(waves)) {
    std::vector<StepUndo> undos = steps_to_undo(session, wave, !result.left.empty());
    if (undos.empty()) continue;
    std::vector<std::function<void()>> tasks;
    for (StepUndo& undo : undos) {
      tasks.push_back([&session, &undo] { undo_one(session, undo); });
    }
    session.ports.executor.run_all(std::move(tasks), kTick, [&] { session.lease.renew_if_due(); });
    for (StepUndo& undo : undos) {
      StepRecord& record = session.op.steps[undo.step->id];
      record.state = undo.left ? StepState::undoing : StepState::undone;
      // Several steps may have one undo, which fails for one reason.
      if (undo.left && !std::ranges::contains(result.left, *undo.left)) {
        result.left.push_back(std::move(*undo.left));
      }
      for (std::string& text : undo.lost) result.lost.push_back(std::move(text));
    }
  }
  return result;
}

}  // namespace ployz

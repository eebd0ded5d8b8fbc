// One run of a mutating command: its journal in the store and its result.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/plan.h"

namespace ployz {

inline constexpr int kOperationVersion = 1;

enum class Phase { plan, lock, probe, apply, commit, flip, cleanup };

enum class Outcome {
  running,
  unchanged,                  // nothing to do
  committed,                  // done
  committed_cleanup_pending,  // live; `op resume` or the same command finishes the cleanup
  failed,                     // undone; the previous commit stands
  refused,                    // a precondition was missing; nothing was changed
  aborted,                    // by the operator; undone
  interrupted,                // its coordinator died or the store went away; resume or abort it
};

enum class StepState { pending, started, done, failed, undoing, undone };

struct StepRecord {
  StepState state = StepState::pending;
  std::optional<Error> error;
  uint64_t started_at_ms = 0;  // by the coordinator's clock; 0: not yet
  uint64_t ended_at_ms = 0;
  Json result = Json::object();  // what the machine measured: bytes sent, time paused
};

// The journal entry, one record per operation in KV bucket `operations`, key = id. Every write is
// a compare-and-set on the revision of the writer's last, so whoever takes an operation over
// (attempt + 1) stops the previous coordinator at its next write. The commit is appended only
// after a record with phase = commit was acknowledged.
struct Operation {
  OperationId id;
  std::string kind;
  NamespaceName name_space;
  MachineId coordinator;
  uint64_t attempt = 1;
  Phase phase = Phase::plan;
  Outcome outcome = Outcome::running;
  uint64_t started_at_ms = 0;
  uint64_t ended_at_ms = 0;  // 0: not ended
  Plan plan;
  std::map<StepId, StepRecord> steps;  // of plan.apply and plan.cleanup
  bool undoing = false;
  uint64_t committed_sequence = 0;
  std::vector<std::string> unconfirmed;      // machines whose flip is not confirmed, by name
  std::map<std::string, uint64_t> phase_ms;  // how long each phase took
  std::optional<Error> error;                // why it failed, or why the cleanup is pending

  [[nodiscard]] bool ended() const {
    return outcome != Outcome::running && outcome != Outcome::interrupted &&
           outcome != Outcome::committed_cleanup_pending;
  }
};

// Exit codes of product.md: 0, 1, 3, 4.
[[nodiscard]] int exit_code(Outcome outcome);
[[nodiscard]] std::string_view to_string(Phase phase);
[[nodiscard]] std::string_view to_string(Outcome outcome);
[[nodiscard]] std::string_view to_string(StepState state);
[[nodiscard]] Result<Phase> parse_phase(std::string_view text);
[[nodiscard]] Result<Outcome> parse_outcome(std::string_view text);
// `with_plan` = false leaves out the plan's commit and container specs: the record people see.
// Values of environment variables never appear in that form. In place of "plan" it has "changes",
// and each of "steps" carries "text", what the step does. Both forms parse; from the short one the
// plan comes back with its kind, namespace and changes only.
[[nodiscard]] Json to_json(const Operation& operation, bool with_plan);
[[nodiscard]] Result<Operation> operation_from_json(const Json& json);

// What the engine tells while it works; the API streams these as JSON lines.
struct Event {
  OperationId operation;
  uint64_t at_ms = 0;
  Phase phase = Phase::plan;
  enum class Kind {
    phase_started, phase_done, step_started, step_done, step_failed, undo, note,
    progress,  // of a step that takes long, at most one a second for each
  };
  Kind kind = Kind::note;
  std::string text;  // one line, without secrets
};

[[nodiscard]] Json to_json(const Event& event);
[[nodiscard]] Result<Event> event_from_json(const Json& json);

}  // namespace ployz

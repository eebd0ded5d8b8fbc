#include "model/operation.h"

#include "model/measured.h"
#include "model/plan_fields.h"

namespace ployz {

inline constexpr EnumNames<Phase, 7> kPhaseNames{{{Phase::plan, "plan"},
                                                  {Phase::lock, "lock"},
                                                  {Phase::probe, "probe"},
                                                  {Phase::apply, "apply"},
                                                  {Phase::commit, "commit"},
                                                  {Phase::flip, "flip"},
                                                  {Phase::cleanup, "cleanup"}}};
constexpr const auto& enum_names(std::type_identity<Phase>) {
  return kPhaseNames;
}

inline constexpr EnumNames<Outcome, 8> kOutcomeNames{
    {{Outcome::running, "running"},
     {Outcome::unchanged, "unchanged"},
     {Outcome::committed, "committed"},
     {Outcome::committed_cleanup_pending, "committed_cleanup_pending"},
     {Outcome::failed, "failed"},
     {Outcome::refused, "refused"},
     {Outcome::aborted, "aborted"},
     {Outcome::interrupted, "interrupted"}}};
constexpr const auto& enum_names(std::type_identity<Outcome>) {
  return kOutcomeNames;
}

inline constexpr EnumNames<StepState, 6> kStepStateNames{{{StepState::pending, "pending"},
                                                          {StepState::started, "started"},
                                                          {StepState::done, "done"},
                                                          {StepState::failed, "failed"},
                                                          {StepState::undoing, "undoing"},
                                                          {StepState::undone, "undone"}}};
constexpr const auto& enum_names(std::type_identity<StepState>) {
  return kStepStateNames;
}

inline constexpr EnumNames<Event::Kind, 8> kEventKindNames{
    {{Event::Kind::phase_started, "phase_started"},
     {Event::Kind::phase_done, "phase_done"},
     {Event::Kind::step_started, "step_started"},
     {Event::Kind::step_done, "step_done"},
     {Event::Kind::step_failed, "step_failed"},
     {Event::Kind::undo, "undo"},
     {Event::Kind::note, "note"},
     {Event::Kind::progress, "progress"}}};
constexpr const auto& enum_names(std::type_identity<Event::Kind>) {
  return kEventKindNames;
}

template <>
struct JsonValue<Error> {
  static Json write(const Error& error) { return error_to_json(error); }
  static Status read(const Json& json, Error& error) {
    if (!json.is_object()) return wrong_type("an object", json);
    error = error_from_json(json);
    return {};
  }
};

template <class Codec, Like<StepRecord> T>
void fields(Codec& codec, T& record) {
  codec.field("state", record.state);
  codec.field("error", record.error);
  codec.optional_field("started_at_ms", record.started_at_ms);
  codec.optional_field("ended_at_ms", record.ended_at_ms);
  codec.optional_field("result", record.result);
  // Only in the record people see, and not kept.
  if constexpr (std::same_as<Codec, JsonReader>) {
    std::string text;
    codec.optional_field("text", text);
  }
}

// All of an operation but its plan, which has two forms.
template <class Codec, Like<Operation> T>
void record_fields(Codec& codec, T& operation) {
  codec.version("version", kOperationVersion);
  codec.field("id", operation.id);
  codec.field("kind", operation.kind);
  codec.field("namespace", operation.name_space);
  codec.field("coordinator", operation.coordinator);
  codec.field("attempt", operation.attempt);
  codec.field("phase", operation.phase);
  codec.field("outcome", operation.outcome);
  codec.field("started_at_ms", operation.started_at_ms);
  codec.field("ended_at_ms", operation.ended_at_ms);
  codec.field("steps", operation.steps);
  codec.field("undoing", operation.undoing);
  codec.field("committed_sequence", operation.committed_sequence);
  codec.field("unconfirmed", operation.unconfirmed);
  codec.field("phase_ms", operation.phase_ms);
  codec.field("error", operation.error);
}

template <class Codec, Like<Event> T>
void fields(Codec& codec, T& event) {
  codec.field("operation", event.operation);
  codec.field("at_ms", event.at_ms);
  codec.field("phase", event.phase);
  codec.field("kind", event.kind);
  codec.field("text", event.text);
}

namespace {

// A step that has not been journaled yet is shown as pending.
void add_step_texts(Json& steps, const Plan& plan) {
  for (const auto* list : {&plan.apply, &plan.cleanup}) {
    for (const Step& step : *list) {
      Json& record = steps[step.id.value];
      if (record.is_null()) record = write_fields(StepRecord{});
      record["text"] = std::format("{} on {}", plan.describe(step.action), plan.name_of(step.machine));
    }
  }
}

}  // namespace

int exit_code(Outcome outcome) {
  switch (outcome) {
    case Outcome::unchanged:
    case Outcome::committed:
      return 0;
    case Outcome::refused:
      return 3;
    case Outcome::committed_cleanup_pending:
      return 4;
    case Outcome::running:  // not an end; a caller that stops waiting has not succeeded
    case Outcome::failed:
    case Outcome::aborted:
    case Outcome::interrupted:
      return 1;
  }
  return 1;
}

std::string_view to_string(Phase phase) {
  return enum_to_string(phase);
}
std::string_view to_string(Outcome outcome) {
  return enum_to_string(outcome);
}
std::string_view to_string(StepState state) {
  return enum_to_string(state);
}

Result<Phase> parse_phase(std::string_view text) {
  auto phase = enum_from_string<Phase>(text);
  if (!phase) return fail(std::move(phase).error().at("phase"));
  return phase;
}

Result<Outcome> parse_outcome(std::string_view text) {
  auto outcome = enum_from_string<Outcome>(text);
  if (!outcome) return fail(std::move(outcome).error().at("outcome"));
  return outcome;
}

Json to_json(const Operation& operation, bool with_plan) {
  JsonWriter writer;
  record_fields(writer, operation);
  if (with_plan) {
    writer.field("plan", operation.plan);
    return writer.take();
  }
  writer.field("changes", operation.plan.changes);
  Json json = writer.take();
  add_step_texts(json["steps"], operation.plan);
  json["coordinator_name"] = operation.plan.name_of(operation.coordinator);
  json["measured"] = measured(operation);
  return json;
}

Result<Operation> operation_from_json(const Json& json) {
  JsonReader reader(json);
  Operation operation;
  record_fields(reader, operation);
  if (json.is_object() && json.contains("plan")) {
    reader.field("plan", operation.plan);
  } else {
    operation.plan.kind = operation.kind;
    operation.plan.name_space = operation.name_space;
    reader.field("changes", operation.plan.changes);
    Json told;  // not kept
    reader.optional_field("measured", told);
    reader.optional_field("coordinator_name", told);
  }
  return reader.finish(std::move(operation));
}

Json to_json(const Event& event) {
  return write_fields(event);
}
Result<Event> event_from_json(const Json& json) {
  return read_fields<Event>(json);
}

}  // namespace ployz

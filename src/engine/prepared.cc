#include "engine/prepared.h"

#include <format>

#include "engine/journal.h"
#include "engine/planning.h"
#include "engine/record_write.h"
#include "engine/run.h"
#include "engine/snapshot_reader.h"
#include "engine/takeover.h"

namespace ployz {
namespace {

constexpr uint64_t kPreparedVersion = 1;
constexpr std::string_view kAgain = "prepare it again";

// Best effort: who looks at an expired plan is told so in any case.
void remove_expired(KeyValue& records, uint64_t now_ms) {
  const auto all = records.list(Bucket::plans);
  if (!all) return;
  for (const Record& record : *all) {
    const auto prepared = decode_prepared(record.value);
    // What does not parse is kept: a newer Ployz may know it.
    if (!prepared || prepared->expires_at_ms > now_ms) continue;
    (void)records.remove(Bucket::plans, record.key, record.revision);
  }
}

Result<PreparedPlan> find_prepared(KeyValue& records, const OperationId& id) {
  const auto record = TRY(records.get(Bucket::plans, id.str()));
  if (!record) {
    return fail(Code::not_found, std::format("there is no prepared plan {}", id.str()),
                "it may have expired: " + std::string(kAgain));
  }
  auto prepared = decode_prepared(record->value);
  if (prepared) return prepared;
  return fail(Error(prepared.error()).at(std::format("prepared plan {}", id.str())));
}

Status check_unmoved(CommitLog& commits, const PreparedPlan& prepared) {
  for (const auto& [name_space, sequence] : prepared.sequences) {
    const auto newest = TRY(commits.newest(name_space));
    if ((newest ? newest->sequence : 0) == sequence) continue;
    return fail(Code::precondition,
                std::format("namespace {} has changed since plan {} was prepared",
                            name_space.str(), prepared.id.str()),
                std::string(kAgain));
  }
  return {};
}

// What became of it when it was applied before.
Result<Operation> applied_before(const EngineContext& context, Operation operation,
                                 const EventSink& events, std::stop_token cancel) {
  if (!operation.ended()) {
    return take_over(context, operation.id, Wish::resume, events, std::move(cancel));
  }
  if (operation.outcome == Outcome::committed) return operation;
  return fail(Code::precondition,
              std::format("prepared plan {} was applied before, and {}: {}", operation.id.str(),
                          to_string(operation.outcome),
                          operation.error ? operation.error->message : "nothing was changed"),
              std::string(kAgain));
}

}  // namespace

std::string encode(const PreparedPlan& prepared) {
  Json sequences = Json::object();
  for (const auto& [name, sequence] : prepared.sequences) sequences[name.str()] = sequence;
  return to_text({{"version", kPreparedVersion},
                  {"id", prepared.id.str()},
                  {"expires_at_ms", prepared.expires_at_ms},
                  {"sequences", std::move(sequences)},
                  {"plan", to_json(prepared.plan)}});
}

Result<PreparedPlan> decode_prepared(std::string_view bytes) {
  const Json json = TRY(parse_json(bytes));
  if (TRY(get_uint(json, "version")) != kPreparedVersion) {
    return fail(Code::corrupt, "a prepared plan of an unknown version");
  }
  PreparedPlan prepared;
  prepared.id = OperationId(TRY(get_string(json, "id")));
  prepared.expires_at_ms = TRY(get_uint(json, "expires_at_ms"));
  const Json sequences = TRY(get_object(json, "sequences"));
  for (const auto& [name, sequence] : sequences.items()) {
    prepared.sequences[NamespaceName(name)] = TRY(get_uint(sequences, name));
  }
  prepared.plan = TRY(plan_from_json(TRY(get_object(json, "plan"))));
  TRY(validate(prepared.plan));
  return prepared;
}

Result<PreparedPlan> prepare_plan(const EngineConfig& config, const Engine::Ports& ports,
                                  const Request& request, std::chrono::milliseconds ttl) {
  if (ttl <= std::chrono::milliseconds(0) || ttl > kMaxPreparedTtl) {
    return fail(Code::invalid,
                std::format("a plan cannot be kept for {} s", ttl.count() / 1000),
                std::format("at most {} days",
                            std::chrono::floor<std::chrono::days>(kMaxPreparedTtl).count()));
  }
  PreparedPlan prepared;
  prepared.id = OperationId(new_ulid(ports.clock, ports.entropy));
  PlanAndSnapshot made = TRY(plan_now(config, ports, request, prepared.id));
  if (made.plan.unchanged()) {
    return fail(Code::precondition, "there is nothing to do: it is so already");
  }
  const uint64_t now_ms = ports.clock.wall_ms();
  prepared.expires_at_ms = now_ms + static_cast<uint64_t>(ttl.count());
  prepared.plan = std::move(made.plan);
  prepared.sequences = std::move(made.sequences);
  TRY(write_record(ports.records, ports.clock, Bucket::plans, prepared.id.str(), encode(prepared),
                   0));
  remove_expired(ports.records, now_ms);
  return prepared;
}

Result<Operation> run_prepared(const EngineContext& context, const OperationId& id,
                               const EventSink& events, std::stop_token cancel) {
  if (auto before = TRY(find_operation(context.ports.records, id))) {
    return applied_before(context, std::move(before->operation), events, std::move(cancel));
  }
  const PreparedPlan prepared = TRY(find_prepared(context.ports.records, id));
  if (prepared.expires_at_ms <= context.ports.clock.wall_ms()) {
    return fail(Code::precondition, std::format("prepared plan {} has expired", id.str()),
                std::string(kAgain));
  }
  Session session(context.config, context.ports, context.running, events, std::move(cancel), id);
  if (!session.admitted()) {
    return fail(Code::conflict, std::format("prepared plan {} is being applied", id.str()),
                std::format("watch it with: ployzctl op watch {}", id.str()));
  }
  session.op.kind = prepared.plan.kind;
  session.op.name_space = prepared.plan.name_space;
  // Never another plan: what was prepared is what is applied, or nothing.
  const PlanMaker as_prepared = [&](Session& its) -> Status {
    TRY(check_unmoved(its.ports.commits, prepared));
    std::vector<std::string> notes;
    its.know(TRY(read_machines(its.ports.records, notes)));
    its.op.plan = prepared.plan;
    return {};
  };
  return run_operation(context, session, as_prepared, events);
}

}  // namespace ployz

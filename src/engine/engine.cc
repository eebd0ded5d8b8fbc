#include "engine/engine.h"

#include <algorithm>
#include <format>
#include <set>

#include "base/check.h"
#include "engine/context.h"
#include "engine/execution.h"
#include "engine/journal.h"
#include "engine/planning.h"
#include "engine/probe.h"
#include "engine/session.h"
#include "engine/snapshot_reader.h"
#include "engine/takeover.h"

namespace ployz {
namespace {

// A plan that does not hold when it is probed is made anew from fresh facts, this often.
constexpr int kPlans = 3;

// Old records are looked for after about every 32nd operation: its id ends in one of 32 digits.
bool prunes(const OperationId& id) {
  return id.str().ends_with('0');
}

Operation end_unchanged(Session& session) {
  session.end_phase();
  session.op.outcome = Outcome::unchanged;
  session.op.ended_at_ms = session.ports.clock.wall_ms();
  return session.op;
}

// The lease, and under it a plan made from the namespace's present state.
Status lock(const EngineContext& context, Session& session, const Request& request,
            const EventSink& events) {
  constexpr int kRounds = 3;
  for (int round = 1;; ++round) {
    const uint64_t revision =
        TRY(clear_the_way(context, session.op.name_space, events, session.cancel));
    const Status taken = session.lease.take(
        session.op.name_space,
        {session.op.id, context.config.self, session.op.attempt, 0, session.new_id()}, revision);
    if (taken) break;
    if (taken.error().code != Code::conflict || round == kRounds) return taken;
  }
  const auto newest = context.ports.commits.newest(session.op.name_space);
  Status fresh;
  if (!newest) {
    fresh = fail(newest.error());
  } else if ((*newest ? (*newest)->sequence : 0) != session.op.plan.expected_sequence) {
    session.emit(Event::Kind::note, "the namespace moved on meanwhile: planning again");
    fresh = make_plan(session, request);
  }
  if (!fresh) session.lease.release();
  return fresh;
}

// Nullopt: every machine has agreed. Otherwise how the operation ended.
std::optional<Operation> probe(Session& session, const Request& request) {
  for (int plans = 1;; ++plans) {
    session.begin(Phase::probe);
    if (session.canceled()) {
      return session.finish(Outcome::aborted,
                            Error{Code::canceled, Effect::none, "canceled", "", {}});
    }
    const Status agreed = probe_claims(session);
    if (agreed) return std::nullopt;
    const bool replan =
        agreed.error().code == Code::conflict || agreed.error().code == Code::precondition;
    if (!replan || plans == kPlans) return session.finish(Outcome::refused, agreed.error());
    session.emit(Event::Kind::note, "planning again: " + agreed.error().message);
    session.begin(Phase::plan);
    if (const Status planned = make_plan(session, request); !planned) {
      return session.finish(Outcome::refused, planned.error());
    }
    if (session.op.plan.unchanged()) return session.finish(Outcome::unchanged, std::nullopt);
  }
}

}  // namespace

Engine::Engine(EngineConfig config, Ports ports)
    : config_(std::move(config)),
      ports_(ports),
      running_(std::make_shared<RunningOperations>()),
      sightings_(std::make_shared<LeaseSightings>()),
      unfinished_(std::make_shared<UnfinishedOperations>()) {}

Result<Plan> Engine::preview(const Request& request) {
  return TRY(plan_now(config_, ports_, request,
                      OperationId(new_ulid(ports_.clock, ports_.entropy))))
      .plan;
}

Result<Operation> Engine::run(const Request& request, const EventSink& events,
                              std::stop_token cancel) {
  const EngineContext context{config_, ports_, *running_, *sightings_, *unfinished_};
  Session session(config_, ports_, *running_, events, cancel,
                  OperationId(new_ulid(ports_.clock, ports_.entropy)));
  check(session.admitted(), "a new operation has a new id");
  session.op.kind = kind_of(request);
  session.op.name_space = namespace_of(request);
  session.op.started_at_ms = ports_.clock.wall_ms();
  session.begin(Phase::plan);
  (void)TRY(clear_the_way(context, session.op.name_space, events, cancel));
  TRY(make_plan(session, request));
  if (session.op.plan.unchanged()) return end_unchanged(session);
  if (cancel.stop_requested()) return fail(Code::canceled, "canceled before anything was changed");

  session.begin(Phase::lock);
  TRY(lock(context, session, request, events));
  if (session.op.plan.unchanged()) {
    session.lease.release();
    return end_unchanged(session);
  }
  if (const Status created = session.save(); !created) {
    session.lease.leave();
    return fail(created.error());
  }
  auto refused = probe(session, request);
  Operation operation = refused ? std::move(*refused) : run_forward(session);
  unfinished_->note(operation);
  if (operation.ended() && prunes(operation.id)) {
    prune_operations(ports_.records, kKeptOperations);
  }
  return operation;
}

Result<Operation> Engine::resume(const OperationId& id, const EventSink& events,
                                 std::stop_token cancel) {
  return take_over({config_, ports_, *running_, *sightings_, *unfinished_}, id, Wish::resume, events,
                   std::move(cancel));
}

Result<Operation> Engine::abort(const OperationId& id, const EventSink& events) {
  return take_over({config_, ports_, *running_, *sightings_, *unfinished_}, id, Wish::abort, events, {});
}

Result<std::vector<Operation>> Engine::operations(size_t limit) {
  const EngineContext context{config_, ports_, *running_, *sightings_, *unfinished_};
  std::set<OperationId> live;
  for (const Record& record : TRY(ports_.records.list(Bucket::leases))) {
    const auto lease = decode_lease(record.value);
    if (!lease) continue;
    if (is_live(context, {*lease, record.key, record.revision})) live.insert(lease->operation);
  }
  std::vector<Operation> operations;
  for (JournaledOperation& found : TRY(list_operations(ports_.records, limit))) {
    Operation& operation = operations.emplace_back(std::move(found.operation));
    unfinished_->note(operation);
    if (operation.outcome == Outcome::running && !live.contains(operation.id)) {
      operation.outcome = Outcome::interrupted;
    }
  }
  return operations;
}

Result<Operation> Engine::operation(const OperationId& id) {
  const EngineContext context{config_, ports_, *running_, *sightings_, *unfinished_};
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) {
    return fail(Code::not_found, std::format("no operation {}", id.str()),
                "list them with: ployzctl op ls");
  }
  Operation operation = std::move(found->operation);
  unfinished_->note(operation);
  // One without a namespace has no lease, and is not the engine's: as it is.
  if (operation.outcome != Outcome::running || operation.name_space.empty()) return operation;
  const auto lease = TRY(find_lease(ports_.records, operation.name_space));
  const bool live =
      lease && lease->record && lease->record->operation == id &&
      is_live(context, {*lease->record, lease_key(operation.name_space), lease->revision});
  if (!live) operation.outcome = Outcome::interrupted;
  return operation;
}

Result<Snapshot> Engine::snapshot(const std::vector<std::string>& images) {
  return TRY(read_snapshot(config_, ports_, images)).snapshot;
}

}  // namespace ployz

#include "engine/engine.h"

#include <format>
#include <set>

#include "base/check.h"
#include "engine/context.h"
#include "engine/journal.h"
#include "engine/planning.h"
#include "engine/prepared.h"
#include "engine/run.h"
#include "engine/session.h"
#include "engine/snapshot_reader.h"
#include "engine/takeover.h"

namespace ployz {
namespace {

// Old records are looked for after about every 32nd operation: its id ends in one of 32 digits.
bool prunes(const OperationId& id) {
  return id.str().ends_with('0');
}

Result<Operation> tidied(const Engine::Ports& ports, Result<Operation> operation) {
  if (operation && operation->ended() && prunes(operation->id)) {
    prune_operations(ports.records, kKeptOperations);
  }
  return operation;
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
  Session session(config_, ports_, *running_, events, std::move(cancel),
                  OperationId(new_ulid(ports_.clock, ports_.entropy)));
  check(session.admitted(), "a new operation has a new id");
  session.op.kind = kind_of(request);
  session.op.name_space = namespace_of(request);
  return tidied(ports_, run_operation(context, session, planning_of(request), events));
}

Result<PreparedPlan> Engine::prepare(const Request& request, std::chrono::milliseconds ttl) {
  return prepare_plan(config_, ports_, request, ttl);
}

Result<Operation> Engine::apply_prepared(const OperationId& id, const EventSink& events,
                                         std::stop_token cancel) {
  const EngineContext context{config_, ports_, *running_, *sightings_, *unfinished_};
  return tidied(ports_, run_prepared(context, id, events, std::move(cancel)));
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

Result<Snapshot> Engine::snapshot(const SnapshotQuery& query) {
  ReadSnapshot read = TRY(read_store(config_, ports_));
  for (const NamespaceName& name_space : query.history) {
    TRY(read_history(ports_.commits, name_space, read));
  }
  ask_machines(config_, ports_, {query.images, query.datasets}, read);
  return std::move(read.snapshot);
}

Result<Snapshot> Engine::stored() {
  return std::move(TRY(read_store(config_, ports_)).snapshot);
}

}  // namespace ployz

// Operations of the journal: the engine's, and those by which machines come in and go.
#include "backend.h"
#include "mesh/addition.h"
#include "mesh/store_transfer.h"

namespace ployz {

Result<std::vector<Operation>> Backend::operations(size_t limit) {
  const Reading from = TRY(reading());
  auto operations = TRY(from.store.engine.operations(limit));
  from.store.admissions.tell_outcomes(operations);
  return operations;
}

Result<Operation> Backend::operation(const OperationId& id) {
  const Reading from = TRY(reading());
  std::vector<Operation> one{TRY(from.store.engine.operation(id))};
  from.store.admissions.tell_outcomes(one);
  Operation& operation = one.front();
  // It has no lease: whether it runs, the daemon knows that works on it.
  const bool of_machines = operation.kind == kMachineRm || operation.kind == kStorePromote ||
                           operation.kind == kMachineUpdate;
  if (of_machines && operation.outcome == Outcome::running) {
    operation.outcome = Outcome::interrupted;
  }
  return std::move(operation);
}

Result<Operation> Backend::resume(const OperationId& id, const EventSink& events,
                                  std::stop_token cancel) {
  const auto member = TRY(node_.member());
  const std::string kind = TRY(member->engine().operation(id)).kind;
  if (kind == kMachineAdd) return member->admissions().resume(id, events, std::move(cancel));
  if (kind == kMachineRm) return removal_of(*member).resume(id, events, std::move(cancel));
  if (kind == kMachineUpdate) return update_of(*member).resume(id, events, std::move(cancel));
  if (kind == kStorePromote) return store_transfer_of(*member).settle(id);
  return member->engine().resume(id, events, std::move(cancel));
}

Result<Operation> Backend::abort(const OperationId& id, const EventSink& events) {
  const auto member = TRY(node_.member());
  const std::string kind = TRY(member->engine().operation(id)).kind;
  if (kind == kMachineAdd) return member->admissions().abort(id);
  if (kind == kMachineRm) return removal_of(*member).abort(id);
  if (kind == kMachineUpdate) return update_of(*member).abort(id);
  if (kind == kStorePromote) return store_transfer_of(*member).settle(id);
  return member->engine().abort(id, events);
}

}  // namespace ployz

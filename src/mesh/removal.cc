#include "mesh/removal.h"

namespace ployz {
namespace {

// The details of the journal's one change, which people read too.
constexpr std::string_view kForced = "by force";
constexpr std::string_view kKeepsData = "its data stays on its disk";

std::string_view detail_of(const RemovalRequest& request) {
  if (request.force) return kForced;
  return request.keep_data ? kKeepsData : std::string_view();
}

}  // namespace

Removal::Removal(KeyValue& records, Clock& clock, const OperationId& id,
                 const MachineId& coordinator, const Machine& machine,
                 const RemovalRequest& request)
    : MachineOperation(
          records, clock, begin(kMachineRm, id, coordinator, machine.id),
          {{Change::Kind::remove, "machine " + machine.name, std::string(detail_of(request))}}) {
  name(machine);
}

RemovalRequest Removal::request() const {
  const std::string& detail = operation().plan.changes.front().detail;
  RemovalRequest request{operation().plan.name_of(machine())};
  request.force = detail == kForced;
  request.keep_data = detail == kKeepsData;
  request.yes = true;  // there is no record of it before that is settled
  return request;
}

void Removal::ask(const RemovalRequest& request) {
  change().detail = detail_of(request);
}

Result<std::optional<JournaledOperation>> unfinished_removal(KeyValue& records,
                                                             std::string_view name_or_id) {
  for (JournaledOperation& journaled : TRY(unfinished_of(records, kMachineRm))) {
    const MachineId machine = machine_of(journaled.operation, kMachineRm);
    if (machine.str() == name_or_id || journaled.operation.plan.name_of(machine) == name_or_id) {
      return std::optional(std::move(journaled));
    }
  }
  return std::optional<JournaledOperation>();
}

}  // namespace ployz

#include "mesh/removal.h"

#include <charconv>
#include <ranges>

namespace ployz {
namespace {

// The details of the journal's one change, which people read too.
constexpr std::string_view kForced = "by force";
constexpr std::string_view kKeepsData = "its data stays on its disk";
constexpr std::string_view kReplicas = "copies of the store: ";
constexpr std::string_view kAnd = "; ";

std::string detail_of(const RemovalRequest& request) {
  std::string detail;
  const auto add = [&](std::string_view one) {
    if (!detail.empty()) detail += kAnd;
    detail += one;
  };
  if (request.force) add(kForced);
  if (request.keep_data) add(kKeepsData);
  if (request.replicas != 0) add(std::string(kReplicas) + std::to_string(request.replicas));
  return detail;
}

// What is not one of these words is of another version, and asks for nothing.
void take_wishes(std::string_view detail, RemovalRequest& request) {
  for (const auto part : std::views::split(detail, kAnd)) {
    std::string_view one(part);
    request.force = request.force || one == kForced;
    request.keep_data = request.keep_data || one == kKeepsData;
    if (!one.starts_with(kReplicas)) continue;
    one.remove_prefix(kReplicas.size());
    (void)std::from_chars(one.data(), one.data() + one.size(), request.replicas);
  }
}

}  // namespace

Removal::Removal(KeyValue& records, Clock& clock, const OperationId& id,
                 const MachineId& coordinator, const Machine& machine,
                 const RemovalRequest& request)
    : MachineOperation(
          records, clock, begin(kMachineRm, id, coordinator, machine.id),
          {{Change::Kind::remove, "machine " + machine.name, detail_of(request)}}) {
  name(machine);
}

RemovalRequest Removal::request() const {
  const std::string& detail = operation().plan.changes.front().detail;
  RemovalRequest request{operation().plan.name_of(machine())};
  take_wishes(detail, request);
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

#include "mesh/machine_state.h"

#include <format>

#include "engine/record_write.h"
#include "plan/placement.h"

namespace ployz {
namespace {

// Each round is lost only to somebody who changed this very record: operators, and updates of it.
constexpr int kRounds = 10;

struct Found {
  Machine machine;
  uint64_t revision = 0;
};

Result<Found> read_record(KeyValue& records, const MachineId& id) {
  const auto record = TRY(records.get(Bucket::machines, id.str()));
  if (!record) {
    return fail(Code::not_found, std::format("machine {} is not in the network", id.str()),
                "list them: ployzctl machine ls");
  }
  Found found;
  found.machine = TRY(machine_from_json(TRY(parse_json(record->value))));
  found.revision = record->revision;
  return found;
}

Status check_standby(const Machine& machine, const std::vector<Workload>& workloads, bool force) {
  if (machine.state == MachineState::draining) {
    return fail(Code::precondition, std::format("machine {} is being drained", machine.name),
                std::format("finish that: ployzctl machine drain {}, or first: ployzctl machine "
                            "activate {}",
                            machine.name, machine.name));
  }
  if (workloads.empty() || force) return {};
  Error error{Code::precondition, Effect::none,
              std::format("machine {} runs {}", machine.name, name_some(workloads)),
              std::format("keep them there: ployzctl machine standby {} --force", machine.name),
              {}};
  for (const Workload& workload : workloads) {
    error.context.push_back({workload.name(), std::format("{} instances", workload.instances)});
  }
  return fail(std::move(error));
}

}  // namespace

Result<ChangedState> change_machine(KeyValue& records, Clock& clock, const MachineId& machine,
                                    const MachineChange& change) {
  for (int round = 1;; ++round) {
    Found found = TRY(read_record(records, machine));
    if (!TRY(change(found.machine))) return ChangedState{std::move(found.machine), false};
    const auto written = write_record(records, clock, Bucket::machines, machine.str(),
                                      to_text(to_json(found.machine)), found.revision);
    if (written) return ChangedState{std::move(found.machine), true};
    if (written.error().code != Code::conflict || round == kRounds) return fail(written.error());
  }
}

Result<ChangedState> change_machine_state(KeyValue& records, Clock& clock, const MachineId& machine,
                                          MachineState to, const StateGuard& guard) {
  return change_machine(records, clock, machine, [&](Machine& now) -> Result<bool> {
    if (now.state == to) return false;
    if (now.state == MachineState::leaving) {
      return fail(Code::precondition, std::format("machine {} is leaving the network", now.name),
                  "go on with that: ployzctl machine rm " + now.name);
    }
    if (guard) TRY(guard(now));
    now.state = to;
    return true;
  });
}

Result<StateReport> put_on_standby(const StandbyRequest& request, const Snapshot& snapshot,
                                   KeyValue& records, Clock& clock) {
  const Machine& machine = *TRY(known_machine(snapshot, request.machine));
  StateReport report{machine, false, request.preview, workloads_on(snapshot, machine.id)};
  const auto guard = [&](const Machine& now) {
    return check_standby(now, report.workloads, request.force);
  };
  if (request.preview) {
    report.changed = machine.state != MachineState::standby;
    if (report.changed) TRY(guard(machine));
    return report;
  }
  ChangedState changed =
      TRY(change_machine_state(records, clock, machine.id, MachineState::standby, guard));
  report.machine = std::move(changed.machine);
  report.changed = changed.changed;
  return report;
}

Result<StateReport> put_in_service(std::string_view name, bool preview, const Snapshot& snapshot,
                                   KeyValue& records, Clock& clock) {
  const Machine& machine = *TRY(known_machine(snapshot, name));
  StateReport report{machine, machine.state != MachineState::active, preview,
                     workloads_on(snapshot, machine.id)};
  if (preview) return report;
  ChangedState changed =
      TRY(change_machine_state(records, clock, machine.id, MachineState::active));
  report.machine = std::move(changed.machine);
  report.changed = changed.changed;
  return report;
}

}  // namespace ployz

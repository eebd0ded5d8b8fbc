#include "plan/layout.h"

#include <algorithm>
#include <format>

#include "plan/conflicts.h"

namespace ployz {
namespace {

Load per_machine(const std::vector<CommittedInstance>& instances) {
  Load load;
  for (const CommittedInstance& instance : instances) ++load[instance.machine];
  return load;
}

Load leaving(const std::vector<GoneInstance>& gone) {
  Load load;
  for (const GoneInstance& entry : gone) ++load[entry.instance.machine];
  return load;
}

// The ports a running predecessor on this machine holds now and gives up before the new one starts.
bool freed_by_predecessor(const ServiceDiff& diff, const MachineId& machine, uint16_t port) {
  if (diff.previous == nullptr) return false;
  const bool stands_here = std::ranges::any_of(diff.gone, [&](const GoneInstance& gone) {
    return gone.runs && gone.instance.machine == machine;
  });
  return stands_here && std::ranges::contains(host_ports_of(diff.previous->service), port);
}

Status check_host_ports(const ServiceDiff& diff, const Machine& machine,
                        const MachineFacts& facts) {
  for (const uint16_t port : host_ports_of(diff.service)) {
    if (!std::ranges::contains(facts.host_ports_in_use, port)) continue;
    if (freed_by_predecessor(diff, machine.id, port)) continue;
    return fail(Code::precondition,
                std::format("host port {} of service {} is in use on machine {}", port,
                            diff.service.name.str(), machine.name),
                std::format("see who listens: ss -ltnp 'sport = :{}'", port));
  }
  return {};
}

}  // namespace

std::optional<CommittedService> ServiceLayout::committed() const {
  if (diff.kind == ServiceDiff::Kind::remove) return std::nullopt;
  CommittedService committed{diff.service, diff.revision, diff.kept};
  for (const NewInstance& added_one : added) committed.instances.push_back(added_one.instance);
  std::ranges::sort(committed.instances, {}, &CommittedInstance::id);
  return committed;
}

Result<ServiceLayout> LayoutBuilder::lay_out(const Service& service,
                                             const CommittedService* previous) {
  const Eligible eligible = TRY(eligible_machines(service, snapshot_));
  const ResolvedImage image =
      TRY(resolve_image(service.container.image, eligible.machines, snapshot_));
  Service resolved = service;
  resolved.container.image_id = image.id;

  ServiceLayout layout;
  layout.diff = TRY(diff_service(std::move(resolved), previous, eligible, snapshot_));
  const ServiceDiff& diff = layout.diff;
  const SpreadRequest request{&diff.service,
                              &eligible,
                              &image,
                              diff.missing,
                              per_machine(diff.kept),
                              leaving(diff.gone),
                              one_per_machine(diff.service)};
  Spread spread = TRY(place(request, snapshot_, load_));
  layout.excluded = std::move(spread.excluded);
  for (Placed& placed : spread.placed) {
    TRY(check_host_ports(diff, *placed.machine, snapshot_.facts.at(placed.machine->id)));
    NewInstance added;
    added.instance.id = InstanceId(ids_.next());
    added.instance.machine = placed.machine->id;
    if (service.container.network == NetworkMode::overlay) {
      added.instance.address = TRY(addresses_.take(*placed.machine));
    }
    added.why = std::move(placed.why);
    added.pull = !image.present.contains(placed.machine->id);
    layout.added.push_back(std::move(added));
  }
  return layout;
}

}  // namespace ployz

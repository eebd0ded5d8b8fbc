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

// Where its data is, or, for new data, where some can be kept.
void restrict_to(Eligible& eligible, const Service& service, const ServiceWish& wish,
                 const Snapshot& snapshot) {
  if (wish.home == nullptr && !wish.volumes) return;
  std::vector<const Machine*> left;
  for (const Machine* machine : eligible.machines) {
    if (wish.home != nullptr && machine != wish.home) continue;
    if (wish.volumes && !snapshot.facts.at(machine->id).pool) {
      eligible.excluded.push_back(machine->name + " keeps no volumes");
      continue;
    }
    left.push_back(machine);
  }
  eligible.machines = std::move(left);
  if (!eligible.machines.empty()) {
    // Where it has to stand is settled: what other pins say matters to nobody.
    if (wish.home != nullptr) eligible.refused.reset();
    return;
  }
  const std::string name = service.name.str();
  Error error{Code::precondition, Effect::none, "", "", {}};
  if (wish.home == nullptr) {
    error.message = std::format("no machine that may run service {} keeps volumes", name);
    error.hint = "give one a pool: [storage] in its config.toml";
  } else {
    std::string why = "it may not run there";
    for (const std::string& excluded : eligible.excluded) {
      if (excluded.starts_with(wish.home->name + " ")) why = excluded;
    }
    error.message = std::format("service {} has to run on {}{}, and {}", name, wish.home->name,
                                wish.volumes ? ", where its volumes are" : "", why);
    error.hint = wish.volumes ? "move it with its volumes: ployzctl migrate apply NAMESPACE/" + name +
                                    " --to MACHINE"
                              : "see: ployzctl machine ls";
  }
  eligible.refused = std::move(error);
}

}  // namespace

std::optional<CommittedService> ServiceLayout::committed() const {
  if (diff.kind == ServiceDiff::Kind::remove) return std::nullopt;
  CommittedService committed{diff.service, diff.revision, diff.kept};
  for (const NewInstance& added_one : added) committed.instances.push_back(added_one.instance);
  std::ranges::sort(committed.instances, {}, &CommittedInstance::id);
  return committed;
}

Status LayoutBuilder::add_instances(ServiceLayout& layout, std::vector<Placed> placed,
                                    const ResolvedImage& image) {
  const ServiceDiff& diff = layout.diff;
  for (Placed& one : placed) {
    TRY(check_host_ports(diff, *one.machine, snapshot_.facts.at(one.machine->id)));
    NewInstance added;
    added.instance.id = InstanceId(ids_.next());
    added.instance.machine = one.machine->id;
    if (diff.service.container.network == NetworkMode::overlay) {
      added.instance.address = TRY(addresses_.take(*one.machine));
    }
    added.why = std::move(one.why);
    added.pull = !image.present.contains(one.machine->id);
    layout.added.push_back(std::move(added));
  }
  return {};
}

// The one machine where all instances of a service with new volumes will stand: where the first would.
Status LayoutBuilder::settle_home(const ServiceDiff& diff, const Eligible& eligible,
                                  const ResolvedImage& image, ServiceWish& wish) {
  if (!diff.kept.empty()) {
    wish.home = find_machine(snapshot_, diff.kept.front().machine);
    return {};
  }
  Load load = load_;
  const SpreadRequest first{&diff.service, &eligible, &image, 1, {}, leaving(diff.gone), false};
  const Placed chosen = TRY(place(first, snapshot_, load)).placed.front();
  wish.home = chosen.machine;
  wish.why = chosen.why;
  return {};
}

Result<ServiceLayout> LayoutBuilder::lay_out(const Service& service,
                                             const CommittedService* previous, ServiceWish wish) {
  Eligible eligible = TRY(eligible_machines(service, snapshot_));
  restrict_to(eligible, service, wish, snapshot_);
  // Some of the machines it is pinned to are enough for what has to leave another of them.
  if (wish.left != nullptr && !eligible.machines.empty()) eligible.refused.reset();
  if (previous == nullptr && eligible.refused) return fail(*eligible.refused);
  const std::string& exactly = service.container.image_id;
  const ResolvedImage image = TRY(resolve_image(
      exactly.empty() ? service.container.image : exactly, eligible.machines, snapshot_));
  Service resolved = service;
  resolved.container.image_id = image.id;

  ServiceLayout layout;
  layout.diff = TRY(diff_service(std::move(resolved), previous, eligible, snapshot_, wish));
  const ServiceDiff& diff = layout.diff;
  // One on every machine needs one machine, or leaving this one is the end of it.
  const bool last_one = service.placement.global && wish.left != nullptr && diff.kept.empty();
  if (last_one && eligible.refused) return fail(*eligible.refused);
  // What runs as it should stays, wherever that is.
  if (diff.missing == 0) return layout;
  if (eligible.refused) return fail(*eligible.refused);
  if (wish.volumes && wish.home == nullptr) {
    TRY(settle_home(diff, eligible, image, wish));
    restrict_to(eligible, service, wish, snapshot_);
    if (eligible.refused) return fail(*eligible.refused);
  }
  const SpreadRequest request{&diff.service,
                              &eligible,
                              &image,
                              diff.missing,
                              per_machine(diff.kept),
                              leaving(diff.gone),
                              one_per_machine(diff.service),
                              // Who is made to go must find room; who is deployed asked for it.
                              wish.left == nullptr
                                  ? 0
                                  : service.container.resources.memory_bytes.value_or(0)};
  Spread spread = TRY(place(request, snapshot_, load_));
  layout.excluded = std::move(spread.excluded);
  if (wish.home != nullptr) {
    for (Placed& placed : spread.placed) placed.why = wish.why;
  }
  TRY(add_instances(layout, std::move(spread.placed), image));
  return layout;
}

}  // namespace ployz

#include "plan/drain.h"

#include <algorithm>
#include <format>
#include <set>
#include <tuple>

#include "plan/aftermath.h"
#include "plan/moving.h"
#include "plan/participants.h"
#include "plan/placement.h"
#include "plan/planners.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

// The services of one migration.
struct Group {
  ServiceName first;
  std::set<ServiceName> services;
  std::set<VolumeName> volumes;
};

// Only what stops before the commit is down in between; else the successors are there first.
void expect_downtime(DrainMove& move) {
  std::chrono::milliseconds stops{0};
  std::chrono::milliseconds ready{0};
  bool any = false;
  for (const Step& step : move.plan.apply) {
    if (const auto* stop = std::get_if<StopInstance>(&step.action)) {
      any = true;
      stops = std::max(stops, stop->grace);
    }
    if (const auto* await = std::get_if<AwaitReady>(&step.action)) {
      ready = std::max(ready, longest_wait(await->readiness));
    }
  }
  if (!any) return;
  move.stops_within = stops;
  move.ready_within = ready;
}

class Drainage {
 public:
  Drainage(const Machine& machine, const Snapshot& snapshot, const PlanIdentity& identity)
      : snapshot_(snapshot), identity_(identity), machine_(machine.id), name_(machine.name),
        copies_(machine_, images_on(machine_, snapshot), snapshot_) {
    for (Machine& each : snapshot_.machines) {
      if (each.id == machine_) each.state = MachineState::draining;
    }
  }

  void leave(const NamespaceName& name_space);
  [[nodiscard]] DrainPlan finish();

 private:
  [[nodiscard]] const Commit& commit(const NamespaceName& name) const {
    return snapshot_.newest.at(name).commit;
  }
  [[nodiscard]] bool has_data_here(const Commit& commit, const Service& service) const;
  [[nodiscard]] std::vector<Group> groups(const Commit& commit) const;
  [[nodiscard]] std::vector<const Machine*> targets() const;
  [[nodiscard]] std::string obstacle(const Commit& commit, const Group& group,
                                     const Machine& to) const;
  void migrate(const NamespaceName& name_space, const Group& group);
  void evacuate(const NamespaceName& name_space);
  void explain(const NamespaceName& name_space, const Error& whole,
               const std::vector<ServiceName>& services);
  void take(DrainMove move);
  [[nodiscard]] PlanIdentity next_identity() {
    return {identity_.operation, identity_.seed + ++plans_};
  }

  Snapshot snapshot_;
  PlanIdentity identity_;
  MachineId machine_;
  std::string name_;
  ImageCopies copies_;
  uint64_t plans_ = 0;
  DrainPlan drain_;
};

bool Drainage::has_data_here(const Commit& commit, const Service& service) const {
  return std::ranges::any_of(service.container.mounts, [&](const Mount& mount) {
    const CommittedVolume* volume = commit.volume(mount.volume);
    return volume != nullptr && volume->machine == machine_;
  });
}

std::vector<Group> Drainage::groups(const Commit& commit) const {
  std::vector<Group> groups;
  for (const CommittedService& committed : commit.services) {
    const Service& service = committed.service;
    if (service.container.mounts.empty()) continue;
    if (!stands_on(committed, machine_) && !has_data_here(commit, service)) continue;
    const bool known = std::ranges::any_of(
        groups, [&](const Group& group) { return group.services.contains(service.name); });
    if (known) continue;
    Group group{service.name, {}, {}};
    for (const Mount& mount : service.container.mounts) group.volumes.insert(mount.volume);
    group.services = moving_together(commit, service.name, group.volumes);
    groups.push_back(std::move(group));
  }
  return groups;
}

// Those that take something new, the emptiest first.
std::vector<const Machine*> Drainage::targets() const {
  std::vector<const Machine*> machines;
  for (const Machine& machine : snapshot_.machines) {
    if (machine.state == MachineState::active && snapshot_.facts.contains(machine.id)) {
      machines.push_back(&machine);
    }
  }
  std::ranges::stable_sort(machines, {}, [this](const Machine* machine) {
    const MachineFacts& facts = snapshot_.facts.at(machine->id);
    return std::tuple(facts.instances.size(), ~facts.memory_free_bytes);
  });
  return machines;
}

// What a migration by hand would not mind, or would decide: pins and memory.
std::string Drainage::obstacle(const Commit& commit, const Group& group, const Machine& to) const {
  uint64_t memory = 0;
  for (const CommittedService& committed : commit.services) {
    const Service& service = committed.service;
    if (!group.services.contains(service.name)) continue;
    const auto& pins = service.placement.machines;
    if (!pins.empty() && !std::ranges::contains(pins, to.name) &&
        !std::ranges::contains(pins, to.id.str())) {
      return std::format("service {} is not pinned to it", service.name.str());
    }
    memory += service.container.resources.memory_bytes.value_or(0) * committed.instances.size();
  }
  const uint64_t free = snapshot_.facts.at(to.id).memory_free_bytes;
  if (memory <= free) return {};
  return std::format("it has {} bytes of memory free, and {} are needed", free, memory);
}

void Drainage::migrate(const NamespaceName& name_space, const Group& group) {
  const Commit& now = commit(name_space);
  std::string why;
  for (const Machine* to : targets()) {
    std::string obstacle = this->obstacle(now, group, *to);
    if (obstacle.empty()) {
      const MigrateRequest request{name_space, group.first, to->name};
      auto plan = plan_migrate(request, snapshot_, next_identity());
      if (plan) {
        DrainMove move{request, {}, {}, to->name, 0, *std::move(plan)};
        move.services.assign(group.services.begin(), group.services.end());
        move.volumes.assign(group.volumes.begin(), group.volumes.end());
        return take(std::move(move));
      }
      obstacle = plan.error().line();
    }
    why += std::format("{}{}: {}", why.empty() ? "" : "; ", to->name, obstacle);
  }
  if (why.empty()) why = "no other machine is active and answers";
  for (const ServiceName& service : group.services) {
    drain_.misfits.push_back({name_space.str() + "/" + service.str(), why});
  }
}

void Drainage::evacuate(const NamespaceName& name_space) {
  const Commit& now = commit(name_space);
  Leaving out = leaving(now, machine_);
  DrainMove move{EvacuateRequest{name_space, machine_, {}}, std::move(out.services),
                 std::move(out.volumes), "", 0, {}};
  if (move.services.empty() && move.volumes.empty()) return;
  const auto& request = std::get<EvacuateRequest>(move.request);
  auto plan = plan_evacuate(request, snapshot_, next_identity());
  if (!plan) return explain(name_space, plan.error(), move.services);
  move.plan = *std::move(plan);
  take(std::move(move));
}

// Which of them it was: each asked alone.
void Drainage::explain(const NamespaceName& name_space, const Error& whole,
                       const std::vector<ServiceName>& services) {
  bool found = false;
  for (const ServiceName& service : services) {
    const auto alone =
        plan_evacuate({name_space, machine_, {service}}, snapshot_, next_identity());
    if (alone) continue;
    drain_.misfits.push_back({name_space.str() + "/" + service.str(), alone.error().line()});
    found = true;
  }
  if (!found) drain_.misfits.push_back({"namespace " + name_space.str(), whole.line()});
}

void Drainage::take(DrainMove move) {
  const Commit& now = commit(move.name_space());
  for (const VolumeName& name : move.volumes) {
    const CommittedVolume* volume = now.volume(name);
    const Dataset* dataset = volume == nullptr
                                 ? nullptr
                                 : find_dataset(snapshot_, volume->machine, volume->dataset);
    if (dataset != nullptr) move.bytes += dataset->used_bytes;
  }
  move.images = copies_.needed_by(move.plan);
  expect_downtime(move);
  foresee(move.plan, snapshot_);
  drain_.moves.push_back(std::move(move));
}

void Drainage::leave(const NamespaceName& name_space) {
  // By value: each step makes another commit the newest.
  for (const Group& group : groups(commit(name_space))) migrate(name_space, group);
  evacuate(name_space);
}

DrainPlan Drainage::finish() { return std::move(drain_); }

std::vector<DatasetLeft> datasets_left(const MachineId& machine, const Snapshot& snapshot) {
  std::set<DatasetId> mapped;
  for (const auto& [name, entry] : snapshot.newest) {
    if (entry.commit.removed) continue;
    for (const CommittedVolume& volume : entry.commit.volumes) mapped.insert(volume.dataset);
  }
  std::vector<DatasetLeft> left;
  for (const Dataset& dataset : snapshot.facts.at(machine).datasets) {
    const DatasetSpec& spec = dataset.spec;
    left.push_back(
        {spec.id, spec.name_space, spec.volume, dataset.used_bytes, mapped.contains(spec.id)});
  }
  std::ranges::sort(left, {}, [](const DatasetLeft& one) {
    return std::tuple(one.name_space, one.volume, one.dataset);
  });
  return left;
}

}  // namespace

const NamespaceName& DrainMove::name_space() const {
  return std::visit([](const auto& one) -> const NamespaceName& { return one.name_space; }, request);
}

Result<DrainPlan> plan_drain(const MachineId& id, const Snapshot& snapshot,
                             const PlanIdentity& identity) {
  const Machine* machine = TRY(known_machine(snapshot, id.str()));
  if (!snapshot.facts.contains(id)) {
    return fail(Code::precondition,
                std::format("machine {} does not answer{}", machine->name, silence_of(snapshot, id)),
                std::format("bring it back, or remove it: ployzctl machine rm {} --force",
                            machine->name));
  }
  Drainage drainage(*machine, snapshot, identity);
  for (const auto& [name_space, entry] : snapshot.newest) {
    // The volumes that a removed namespace keeps are listed with what stays: no commit can be made of it.
    if (!entry.commit.removed) drainage.leave(name_space);
  }
  DrainPlan plan = drainage.finish();
  plan.stays = datasets_left(id, snapshot);
  return plan;
}

Error misfit_error(const std::string& machine, const std::vector<DrainMisfit>& misfits) {
  Error error{Code::precondition, Effect::none, "", "nothing was moved", {}};
  std::string all;
  for (const DrainMisfit& misfit : misfits) {
    all += std::format("{}{} ({})", all.empty() ? "" : "; ", misfit.what, misfit.why);
    error.context.push_back({misfit.what, misfit.why});
  }
  error.message = std::format("machine {} cannot be drained: {}", machine, all);
  return error;
}

std::vector<std::string> images_on(const MachineId& machine, const Snapshot& snapshot) {
  std::set<std::string> images;
  for (const auto& [name, entry] : snapshot.newest) {
    for (const CommittedService& committed : entry.commit.services) {
      // Whoever shares a volume moves along, wherever the commit says it stands.
      if (!stands_on(committed, machine) && committed.service.container.mounts.empty()) continue;
      images.insert(committed.service.container.image);
      images.insert(committed.service.container.image_id);
    }
  }
  return {images.begin(), images.end()};
}

}  // namespace ployz

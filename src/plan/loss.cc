#include "plan/loss.h"

#include <algorithm>
#include <functional>
#include <set>

#include "plan/aftermath.h"
#include "plan/carry_over.h"
#include "plan/moving.h"
#include "plan/placement.h"
#include "plan/planners.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

using Fate = LostService::Fate;

uint32_t count_on(const CommittedService& service, const MachineId& machine) {
  return static_cast<uint32_t>(
      std::ranges::count(service.instances, machine, &CommittedInstance::machine));
}

// "volume data": one of those it mounts that is lost; empty: none.
std::string lost_mount(const Commit& commit, const Service& service, const MachineId& machine) {
  for (const CommittedVolume& volume : commit.volumes) {
    if (volume.machine == machine && mounts(service, volume.spec.name)) {
      return "volume " + volume.spec.name.str();
    }
  }
  return {};
}

std::vector<VolumeCopy> copies_of(const NamespaceName& name_space, const CommittedVolume& volume,
                                  const Snapshot& snapshot) {
  std::vector<VolumeCopy> copies;
  for (const auto& [machine, facts] : snapshot.facts) {
    for (const Dataset& dataset : facts.datasets) {
      const bool same =
          dataset.spec.name_space == name_space && dataset.spec.volume == volume.spec.name;
      const bool of_it = dataset.origin && dataset.origin->dataset == volume.dataset;
      if ((!same && !of_it) || dataset.snapshots.empty()) continue;
      const DatasetSnapshot& newest = dataset.snapshots.back();
      copies.push_back({machine, machine_name(snapshot, machine), dataset.spec.id, newest.name,
                        newest.created_at_ms});
    }
  }
  std::ranges::sort(copies, std::ranges::greater{}, &VolumeCopy::created_at_ms);
  return copies;
}

class Losing {
 public:
  Losing(MachineId machine, const Snapshot& snapshot, PlanIdentity identity)
      : machine_(std::move(machine)), snapshot_(snapshot), identity_(std::move(identity)) {
    // As it will be when the machine is out.
    std::erase_if(snapshot_.machines, [&](const Machine& each) { return each.id == machine_; });
    snapshot_.facts.erase(machine_);
    snapshot_.silent.erase(machine_);
  }

  void lose(const NamespaceName& name_space);
  [[nodiscard]] Loss finish() { return std::move(loss_); }

 private:
  [[nodiscard]] Result<Plan> plan(const AbandonRequest& request) {
    return plan_abandon(request, snapshot_, {identity_.operation, identity_.seed + ++plans_});
  }
  void lose_volumes(const NamespaceName& name_space, const Commit& commit);
  [[nodiscard]] std::vector<LostService> restartable(const NamespaceName& name_space,
                                                     const Commit& commit);
  void give_up(AbandonRequest& request, const Commit& commit, LostService& service,
               std::string why);
  [[nodiscard]] Result<Plan> fit(AbandonRequest& request, const Commit& commit,
                                 std::vector<LostService>& services);

  MachineId machine_;
  Snapshot snapshot_;
  PlanIdentity identity_;
  uint64_t plans_ = 0;
  Loss loss_;
};

void Losing::lose_volumes(const NamespaceName& name_space, const Commit& commit) {
  for (const CommittedVolume& volume : commit.volumes) {
    if (volume.machine != machine_) continue;
    loss_.volumes.push_back({name_space, volume.spec.name, volume.dataset, commit.removed,
                             copies_of(name_space, volume, snapshot_)});
  }
}

// Services that mount what is lost are told at once; the others are returned.
std::vector<LostService> Losing::restartable(const NamespaceName& name_space,
                                             const Commit& commit) {
  std::vector<LostService> services;
  for (const CommittedService& committed : commit.services) {
    const Service& service = committed.service;
    LostService lost{name_space, service.name, count_on(committed, machine_), Fate::restarts, {}};
    if (std::string mount = lost_mount(commit, service, machine_); !mount.empty()) {
      lost.fate = Fate::ends;
      lost.why = "its data is lost: " + mount;
      loss_.services.push_back(std::move(lost));
    } else if (lost.instances > 0) {
      services.push_back(std::move(lost));
    }
  }
  return services;
}

void Losing::give_up(AbandonRequest& request, const Commit& commit, LostService& service,
                     std::string why) {
  const size_t all = commit.service(service.service)->instances.size();
  service.fate = all > service.instances ? Fate::reduced : Fate::ends;
  service.why = std::move(why);
  auto& list = service.fate == Fate::reduced ? request.reduced : request.ended;
  list.push_back(service.service);
}

// The plan in which everything fits, after what does not has been given up: each asked alone, the
// others left out of it.
Result<Plan> Losing::fit(AbandonRequest& request, const Commit& commit,
                         std::vector<LostService>& services) {
  auto whole = plan(request);
  if (whole) return whole;
  for (LostService& service : services) {
    AbandonRequest alone = request;
    for (const LostService& other : services) {
      if (other.service != service.service) alone.reduced.push_back(other.service);
    }
    const auto fits = plan(alone);
    if (!fits) give_up(request, commit, service, fits.error().line());
  }
  auto rest = plan(request);
  if (rest) return rest;
  // Each fits, not all of them together.
  for (LostService& service : services) {
    if (service.fate == Fate::restarts) {
      give_up(request, commit, service, rest.error().line());
    }
  }
  return plan(request);
}

void Losing::lose(const NamespaceName& name_space) {
  // By value: the plan makes another commit the newest.
  const Commit commit = snapshot_.newest.at(name_space).commit;
  lose_volumes(name_space, commit);
  AbandonRequest request{name_space, machine_, {}, {}};
  std::vector<LostService> services = restartable(name_space, commit);
  auto made = fit(request, commit, services);
  std::ranges::move(services, std::back_inserter(loss_.services));
  if (!made || made->unchanged()) return;
  foresee(*made, snapshot_);
  loss_.moves.push_back({std::move(request), *std::move(made)});
}

}  // namespace

Loss plan_loss(const MachineId& machine, const Snapshot& snapshot, const PlanIdentity& identity) {
  Losing losing(machine, snapshot, identity);
  for (const auto& [name_space, entry] : snapshot.newest) losing.lose(name_space);
  return losing.finish();
}

std::vector<DatasetLeft> only_there(const MachineId& machine, const std::vector<DatasetLeft>& left,
                                    const Snapshot& snapshot) {
  std::set<std::string> elsewhere;
  for (const auto& [other, facts] : snapshot.facts) {
    if (other == machine) continue;
    for (const Dataset& dataset : facts.datasets) {
      for (const DatasetSnapshot& one : dataset.snapshots) elsewhere.insert(one.guid);
    }
  }
  // That of a namespace that was removed may have been written after its last snapshot.
  const std::set<DatasetId> mapped = mapped_datasets(snapshot);
  std::vector<DatasetLeft> only;
  for (const DatasetLeft& one : left) {
    if (one.moves) continue;
    const Dataset* dataset = find_dataset(snapshot, machine, one.dataset);
    const bool copied = dataset != nullptr && !dataset->snapshots.empty() &&
                        !mapped.contains(one.dataset) &&
                        elsewhere.contains(dataset->snapshots.back().guid);
    if (!copied) only.push_back(one);
  }
  return only;
}

std::string_view to_string(LostService::Fate fate) {
  switch (fate) {
    case Fate::restarts:
      return "restarts";
    case Fate::reduced:
      return "reduced";
    case Fate::ends:
      break;
  }
  return "ends";
}

}  // namespace ployz

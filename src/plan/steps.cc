#include "plan/steps.h"

#include <algorithm>
#include <format>
#include <map>
#include <tuple>

#include "plan/claims.h"
#include "plan/step_list.h"
#include "plan/volume_steps.h"

namespace ployz {
namespace {

// How long old connections may go on after a flip before they are cut. Longer than the gateway's
// keep-alive timeout (5 s), so an idle kept-alive connection always ends by itself.
constexpr std::chrono::milliseconds kDrainLimit{10'000};
// How long an undo waits for old instances it has started again: what a quick server needs. A slow
// one is found by the gateway's health checks later.
constexpr std::chrono::milliseconds kServeAgainLimit{5'000};

class StepWriter {
 public:
  StepWriter(Plan& plan, const VolumeLayouts& volumes, VolumeSteps& volume_steps)
      : plan_(plan), steps_(plan), volumes_(volumes), volume_steps_(volume_steps) {}

  void run_all(const std::vector<ServiceLayout>& layouts,
               const std::vector<const Machine*>& participants);
  void prepare_routers(const std::vector<const Machine*>& participants);
  [[nodiscard]] const StepIds& ready() const { return ready_; }

 private:
  StepId ensure_image(const ServiceLayout& layout, const NewInstance& added);
  void watch_routers(const std::vector<const Machine*>& participants);
  StepIds stop_old(const ServiceLayout& layout);
  void run_new(const ServiceLayout& layout, const StepIds& after);

  Plan& plan_;
  StepList steps_;
  const VolumeLayouts& volumes_;
  VolumeSteps& volume_steps_;
  std::map<std::tuple<MachineId, std::string, std::string>, StepId> images_;
  StepIds ready_;     // every AwaitReady so far
  StepIds watching_;  // the routers', before anything is stopped
};

StepId StepWriter::ensure_image(const ServiceLayout& layout, const NewInstance& added) {
  const ContainerSpec& spec = layout.diff.service.container;
  const std::tuple key(added.instance.machine, spec.image, spec.image_id);
  if (const auto known = images_.find(key); known != images_.end()) return known->second;
  const StepId id =
      steps_.agent(added.instance.machine, EnsureImage{spec.image, spec.image_id}, {}, {});
  images_.emplace(key, id);
  return id;
}

// Steps that do nothing, but whose undo, after old instances were started again, returns only when the
// gateways send requests there.
void StepWriter::watch_routers(const std::vector<const Machine*>& participants) {
  for (const Machine* machine : participants) {
    watching_.push_back(steps_.add(machine->id, Target::router, AwaitRoutes{plan_.name_space, {}},
                                   {AwaitRoutes{plan_.name_space, kServeAgainLimit}}, {}));
  }
}

// The old ones stop when everything that could still fail without them has succeeded: the
// blue/green services are ready, all images of this service are there, and so is all of its data that
// can be there before.
StepIds StepWriter::stop_old(const ServiceLayout& layout) {
  StepIds before = joined(ready_, watching_);
  const CommittedService* previous = layout.diff.previous;
  for (const Service* service :
       {&layout.diff.service, previous == nullptr ? nullptr : &previous->service}) {
    if (service != nullptr) before = joined(std::move(before), volume_steps_.ready(*service));
  }
  for (const NewInstance& added : layout.added) {
    before = joined(std::move(before), {ensure_image(layout, added)});
  }
  StepIds stopped;
  for (const GoneInstance& gone : layout.diff.gone) {
    // Also one that did not run when the plan was made: the undo of another operation may have started
    // it since, and then it would write to data that the commit leaves behind (seed 6794).
    if (!gone.reachable || !gone.exists) continue;
    const auto grace = layout.diff.previous->service.container.stop_grace_period;
    stopped.push_back(steps_.agent(gone.instance.machine, StopInstance{gone.instance.id, grace},
                                   {StartInstance{gone.instance.id}}, before));
  }
  return stopped.empty() ? before : stopped;
}

void StepWriter::run_new(const ServiceLayout& layout, const StepIds& after) {
  const Service& service = layout.diff.service;
  const ContainerSpec& spec = service.container;
  const StepIds before = joined(after, volume_steps_.ready(service));
  for (const NewInstance& added : layout.added) {
    const CommittedInstance& instance = added.instance;
    StepIds wait = joined(before, {ensure_image(layout, added)});
    const StepId run = steps_.agent(
        instance.machine,
        RunInstance{instance.id, plan_.name_space, service.name, layout.diff.revision,
                    instance.address, spec, volumes_.datasets_of(service)},
        {RemoveInstance{instance.id, spec.stop_grace_period}}, std::move(wait));
    const Port* port = service.port(spec.readiness.port);
    // On the host's network the agent reaches the instance at its own loopback address.
    const std::string address = spec.network == NetworkMode::host ? "127.0.0.1" : instance.address;
    ready_.push_back(steps_.agent(instance.machine,
                                  AwaitReady{instance.id, address, spec.readiness,
                                             port == nullptr ? uint16_t{0} : port->container},
                                  {}, {run}));
  }
}

void StepWriter::run_all(const std::vector<ServiceLayout>& layouts,
                         const std::vector<const Machine*>& participants) {
  volume_steps_.before_stops();
  for (const ServiceLayout& layout : layouts) {
    if (!layout.stop_first) run_new(layout, {});
  }
  // All recreated services wait for the blue/green ones only, not for each other.
  const StepIds blue_green_ready = ready_;
  if (std::ranges::any_of(layouts, &ServiceLayout::stop_first)) watch_routers(participants);
  std::map<ServiceName, StepIds> stopped;
  std::map<VolumeName, StepIds> left;
  for (const ServiceLayout& layout : layouts) {
    if (!layout.stop_first) continue;
    const StepIds stops = stop_old(layout);
    if (const CommittedService* previous = layout.diff.previous) {
      for (const Mount& mount : previous->service.container.mounts) {
        left[mount.volume] = joined(std::move(left[mount.volume]), stops);
      }
    }
    stopped[layout.diff.service.name] = stops;
  }
  volume_steps_.after_stops(left);
  StepIds all_ready = ready_;
  for (const ServiceLayout& layout : layouts) {
    if (!layout.stop_first) continue;
    ready_ = blue_green_ready;
    const StepIds& stops = stopped.at(layout.diff.service.name);
    run_new(layout, stops);
    if (layout.added.empty()) ready_.insert(ready_.end(), stops.begin(), stops.end());
    all_ready.insert(all_ready.end(), ready_.begin() + std::ssize(blue_green_ready), ready_.end());
  }
  ready_ = std::move(all_ready);
}

void StepWriter::prepare_routers(const std::vector<const Machine*>& participants) {
  for (const Machine* machine : participants) {
    steps_.add(machine->id, Target::router, PrepareRoutes{}, {DiscardRoutes{}}, ready_);
  }
}

}  // namespace

void add_steps(Plan& plan, const std::vector<ServiceLayout>& layouts, const VolumeLayouts& volumes,
               const NextState& next, const std::vector<const Machine*>& participants,
               const Commit* previous) {
  VolumeSteps volume_steps(plan, volumes.all(), next);
  add_claims(plan, layouts, volume_steps, participants, previous);
  StepWriter writer(plan, volumes, volume_steps);
  writer.run_all(layouts, participants);
  volume_steps.at_commit(writer.ready());
  // A namespace that ends has nothing to prepare.
  if (!plan.commit->services.empty()) writer.prepare_routers(participants);
  if (previous != nullptr && !previous->services.empty()) add_cleanup(plan, layouts, participants);
}

void add_cleanup(Plan& plan, const std::vector<ServiceLayout>& layouts,
                 const std::vector<const Machine*>& participants) {
  StepList steps(plan);
  StepIds drained;
  for (const Machine* machine : participants) {
    drained.push_back(steps.cleanup(machine->id, Target::router,
                                    DrainRoutes{plan.name_space, kDrainLimit}, {}));
  }
  for (const ServiceLayout& layout : layouts) {
    for (const GoneInstance& gone : layout.diff.gone) {
      if (!gone.reachable) continue;
      const auto grace = layout.diff.previous->service.container.stop_grace_period;
      steps.cleanup(gone.instance.machine, Target::agent, RemoveInstance{gone.instance.id, grace},
                    drained);
    }
  }
}

}  // namespace ployz

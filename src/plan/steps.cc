#include "plan/steps.h"

#include <algorithm>
#include <format>
#include <map>
#include <tuple>

#include "plan/conflicts.h"

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
  explicit StepWriter(Plan& plan) : plan_(plan) {}

  void run_all(const std::vector<ServiceLayout>& layouts,
               const std::vector<const Machine*>& participants);
  void prepare_routers(const std::vector<const Machine*>& participants);

 private:
  StepId apply(const MachineId& machine, Target target, Action action, std::vector<Action> undo,
               std::vector<StepId> after) {
    const StepId id(std::format("a{:03}", plan_.apply.size() + 1));
    plan_.apply.push_back(
        {id, machine, target, std::move(action), std::move(undo), std::move(after)});
    return id;
  }

  StepId ensure_image(const ServiceLayout& layout, const NewInstance& added);
  void watch_routers(const std::vector<const Machine*>& participants);
  std::vector<StepId> stop_old(const ServiceLayout& layout);
  void run_new(const ServiceLayout& layout, const std::vector<StepId>& after);

  Plan& plan_;
  std::map<std::tuple<MachineId, std::string, std::string>, StepId> images_;
  std::vector<StepId> ready_;      // every AwaitReady so far
  std::vector<StepId> watching_;   // the routers', before anything is stopped
};

StepId StepWriter::ensure_image(const ServiceLayout& layout, const NewInstance& added) {
  const ContainerSpec& spec = layout.diff.service.container;
  const std::tuple key(added.instance.machine, spec.image, spec.image_id);
  if (const auto known = images_.find(key); known != images_.end()) return known->second;
  const StepId id =
      apply(added.instance.machine, Target::agent, EnsureImage{spec.image, spec.image_id}, {}, {});
  images_.emplace(key, id);
  return id;
}

// Steps that do nothing, but whose undo, after old instances were started again, returns only when the
// gateways send requests there.
void StepWriter::watch_routers(const std::vector<const Machine*>& participants) {
  for (const Machine* machine : participants) {
    watching_.push_back(apply(machine->id, Target::router, AwaitRoutes{plan_.name_space, {}},
                              {AwaitRoutes{plan_.name_space, kServeAgainLimit}}, {}));
  }
}

// The old ones stop when everything that could still fail without them has succeeded: the
// blue/green services are ready, and all images of this service are there.
std::vector<StepId> StepWriter::stop_old(const ServiceLayout& layout) {
  std::vector<StepId> before = ready_;
  before.insert(before.end(), watching_.begin(), watching_.end());
  for (const NewInstance& added : layout.added) before.push_back(ensure_image(layout, added));
  std::ranges::sort(before);
  before.erase(std::ranges::unique(before).begin(), before.end());
  std::vector<StepId> stopped;
  for (const GoneInstance& gone : layout.diff.gone) {
    if (!gone.runs || !gone.reachable) continue;
    const auto grace = layout.diff.previous->service.container.stop_grace_period;
    stopped.push_back(apply(gone.instance.machine, Target::agent,
                            StopInstance{gone.instance.id, grace},
                            {StartInstance{gone.instance.id}}, before));
  }
  return stopped.empty() ? before : stopped;
}

void StepWriter::run_new(const ServiceLayout& layout, const std::vector<StepId>& after) {
  const Service& service = layout.diff.service;
  const ContainerSpec& spec = service.container;
  for (const NewInstance& added : layout.added) {
    const CommittedInstance& instance = added.instance;
    std::vector<StepId> wait = after;
    const StepId image = ensure_image(layout, added);
    if (!std::ranges::contains(wait, image)) wait.push_back(image);
    const StepId run = apply(instance.machine, Target::agent,
                             RunInstance{instance.id, plan_.name_space, service.name,
                                         layout.diff.revision, instance.address, spec},
                             {RemoveInstance{instance.id, spec.stop_grace_period}}, wait);
    const Port* port = service.port(spec.readiness.port);
    // On the host's network the agent reaches the instance at its own loopback address.
    const std::string address = spec.network == NetworkMode::host ? "127.0.0.1" : instance.address;
    ready_.push_back(apply(instance.machine, Target::agent,
                           AwaitReady{instance.id, address, spec.readiness,
                                      port == nullptr ? uint16_t{0} : port->container},
                           {}, {run}));
  }
}

void StepWriter::run_all(const std::vector<ServiceLayout>& layouts,
                         const std::vector<const Machine*>& participants) {
  const auto recreated = [](const ServiceLayout& layout) {
    return effective_rollout(layout.diff.service) == Rollout::recreate &&
           !layout.diff.gone.empty() && !layout.added.empty();
  };
  for (const ServiceLayout& layout : layouts) {
    if (!recreated(layout)) run_new(layout, {});
  }
  // All recreated services wait for the blue/green ones only, not for each other.
  const std::vector<StepId> blue_green_ready = ready_;
  std::vector<StepId> all_ready = ready_;
  if (std::ranges::any_of(layouts, recreated)) watch_routers(participants);
  for (const ServiceLayout& layout : layouts) {
    if (!recreated(layout)) continue;
    ready_ = blue_green_ready;
    run_new(layout, stop_old(layout));
    all_ready.insert(all_ready.end(), ready_.begin() + std::ssize(blue_green_ready), ready_.end());
  }
  ready_ = std::move(all_ready);
}

void StepWriter::prepare_routers(const std::vector<const Machine*>& participants) {
  for (const Machine* machine : participants) {
    apply(machine->id, Target::router, PrepareRoutes{}, {DiscardRoutes{}}, ready_);
  }
}

std::vector<uint16_t> newly_published(const std::vector<ServiceLayout>& layouts,
                                      const Commit* previous) {
  std::vector<uint16_t> ports;
  for (const ServiceLayout& layout : layouts) {
    if (layout.diff.kind == ServiceDiff::Kind::remove) continue;
    for (const Publish& publish : layout.diff.service.publish) ports.push_back(publish.host);
  }
  if (previous != nullptr) {
    for (const CommittedService& committed : previous->services) {
      for (const Publish& publish : committed.service.publish) std::erase(ports, publish.host);
    }
  }
  std::ranges::sort(ports);
  return ports;
}

// Ports an instance on the host's network will bind, apart from those its predecessor still holds.
void claim_host_ports(Claim& claim, const ServiceLayout& layout) {
  const bool predecessor = std::ranges::any_of(layout.diff.gone, [&](const GoneInstance& gone) {
    return gone.runs && gone.instance.machine == claim.machine;
  });
  const std::vector<uint16_t> held = predecessor && layout.diff.previous != nullptr
                                         ? host_ports_of(layout.diff.previous->service)
                                         : std::vector<uint16_t>{};
  for (const uint16_t port : host_ports_of(layout.diff.service)) {
    if (!std::ranges::contains(held, port)) claim.host_ports.push_back(port);
  }
}

void add_claims(Plan& plan, const std::vector<ServiceLayout>& layouts,
                const std::vector<const Machine*>& participants, const Commit* previous) {
  const std::vector<uint16_t> published = newly_published(layouts, previous);
  for (const Machine* machine : participants) {
    Claim claim{machine->id, {}, published, {}, {}, true};
    for (const ServiceLayout& layout : layouts) {
      for (const NewInstance& added : layout.added) {
        if (added.instance.machine != machine->id) continue;
        const ContainerSpec& spec = layout.diff.service.container;
        if (!added.instance.address.empty()) claim.addresses.push_back(added.instance.address);
        auto& images = added.pull ? claim.pulls : claim.image_ids;
        const std::string& image = added.pull ? spec.image : spec.image_id;
        if (!std::ranges::contains(images, image)) images.push_back(image);
        claim_host_ports(claim, layout);
      }
    }
    plan.claims.push_back(std::move(claim));
  }
}

}  // namespace

void add_steps(Plan& plan, const std::vector<ServiceLayout>& layouts,
               const std::vector<const Machine*>& participants, const Commit* previous) {
  add_claims(plan, layouts, participants, previous);
  StepWriter writer(plan);
  writer.run_all(layouts, participants);
  writer.prepare_routers(participants);
  if (previous != nullptr && !previous->services.empty()) add_cleanup(plan, layouts, participants);
}

void add_cleanup(Plan& plan, const std::vector<ServiceLayout>& layouts,
                 const std::vector<const Machine*>& participants) {
  const auto add = [&plan](const MachineId& machine, Target target, Action action,
                           std::vector<StepId> after) {
    const StepId id(std::format("c{:03}", plan.cleanup.size() + 1));
    plan.cleanup.push_back({id, machine, target, std::move(action), {}, std::move(after)});
    return id;
  };
  std::vector<StepId> drained;
  for (const Machine* machine : participants) {
    drained.push_back(
        add(machine->id, Target::router, DrainRoutes{plan.name_space, kDrainLimit}, {}));
  }
  for (const ServiceLayout& layout : layouts) {
    for (const GoneInstance& gone : layout.diff.gone) {
      if (!gone.reachable) continue;
      const auto grace = layout.diff.previous->service.container.stop_grace_period;
      add(gone.instance.machine, Target::agent, RemoveInstance{gone.instance.id, grace}, drained);
    }
  }
}

}  // namespace ployz

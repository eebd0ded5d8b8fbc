#include "plan/diff.h"

#include <algorithm>
#include <format>

#include "base/digest.h"

namespace ployz {
namespace {

constexpr std::string_view kContainerGone = "its container is gone";

// What became of a committed instance. Empty: it runs as committed.
std::string defect(const CommittedInstance& instance, const RevisionId& revision,
                   const MachineFacts& facts, bool& runs) {
  const auto found = std::ranges::find(facts.instances, instance.id, &FoundInstance::id);
  runs = false;
  if (found == facts.instances.end()) return std::string(kContainerGone);
  // `unknown` is what an engine calls restarting, paused or dying: it may hold its ports and data.
  runs = found->state == InstanceState::running || found->state == InstanceState::unknown;
  if (found->state == InstanceState::exited) {
    return std::format("exited with code {}", found->exit_code);
  }
  if (found->state != InstanceState::running) return "does not run";
  if (found->revision != revision) return "its container is of another revision";
  if (!instance.address.empty() && found->address != instance.address)
    return "its container has another address";
  return {};
}

struct Standing {
  std::vector<CommittedInstance> healthy;
  std::vector<GoneInstance> gone;
};

Result<Standing> look_at(const CommittedService& previous, const Snapshot& snapshot) {
  Standing standing;
  for (const CommittedInstance& instance : previous.instances) {
    const Machine* machine = find_machine(snapshot, instance.machine);
    if (machine == nullptr) {
      standing.gone.push_back({instance, "its machine left the network", false, false});
      continue;
    }
    const auto facts = snapshot.facts.find(machine->id);
    if (facts == snapshot.facts.end()) {
      return fail(Code::precondition,
                  std::format("machine {}, which runs service {}, does not answer{}", machine->name,
                              previous.service.name.str(),
                              silence_of(snapshot, machine->id)),
                  std::format("bring it back, or remove it: ployzctl machine rm {} --force",
                              machine->name));
    }
    bool runs = false;
    const std::string why = defect(instance, previous.revision, facts->second, runs);
    if (why.empty()) {
      standing.healthy.push_back(instance);
    } else {
      standing.gone.push_back({instance, why, runs, true, why != kContainerGone});
    }
  }
  return standing;
}

// Whether a healthy instance may stay where it is: pins and `global` decide; a machine that is on
// standby or draining keeps what runs on it until it is drained.
bool may_stay(const Machine& machine, const Service& service) {
  const auto& pins = service.placement.machines;
  if (!pins.empty() && !std::ranges::contains(pins, machine.name) &&
      !std::ranges::contains(pins, machine.id.str())) {
    return false;
  }
  return !service.placement.global ||
         (machine.state != MachineState::drained && machine.state != MachineState::leaving);
}

// Keeps at most what the service wants: one per machine for `global`, else `replicas` of them,
// those that keep the spread best.
void keep_wanted(ServiceDiff& diff, std::vector<CommittedInstance> healthy,
                 const Snapshot& snapshot, const ServiceWish& wish) {
  struct Ranked {
    CommittedInstance instance;
    uint32_t nth_on_machine;
  };
  std::ranges::sort(healthy, {}, &CommittedInstance::id);
  std::vector<Ranked> ranked;
  Load on_machine;
  for (CommittedInstance& instance : healthy) {
    if (!may_stay(*find_machine(snapshot, instance.machine), diff.service)) {
      diff.gone.push_back({std::move(instance), "may not stay on this machine", true, true});
      continue;
    }
    if (wish.home != nullptr && instance.machine != wish.home->id) {
      diff.gone.push_back({std::move(instance), "moves to " + wish.home->name, true, true});
      continue;
    }
    if (wish.left != nullptr && instance.machine == wish.left->id) {
      diff.gone.push_back({std::move(instance), "leaves " + wish.left->name, true, true});
      continue;
    }
    const uint32_t nth = on_machine[instance.machine]++;
    ranked.push_back({std::move(instance), nth});
  }
  std::ranges::stable_sort(ranked, {}, &Ranked::nth_on_machine);
  const bool global = diff.service.placement.global;
  const bool alone = one_per_machine(diff.service);
  for (Ranked& entry : ranked) {
    const bool wanted = global ? entry.nth_on_machine == 0
                               : diff.kept.size() < diff.service.placement.replicas &&
                                     (!alone || entry.nth_on_machine == 0);
    if (wanted) {
      diff.kept.push_back(std::move(entry.instance));
    } else {
      diff.gone.push_back({std::move(entry.instance), "scaled down", true, true});
    }
  }
  std::ranges::sort(diff.kept, {}, &CommittedInstance::id);
}

ServiceDiff::Kind classify(const ServiceDiff& diff, uint32_t missing) {
  if (diff.previous == nullptr) return ServiceDiff::Kind::create;
  if (diff.revision != diff.previous->revision) return ServiceDiff::Kind::replace;
  if (!diff.why.empty()) return ServiceDiff::Kind::restart;
  const bool broken = std::ranges::any_of(
      diff.gone, [](const GoneInstance& gone) { return gone.why != "scaled down"; });
  if (broken) return ServiceDiff::Kind::repair;
  if (missing > 0 || !diff.gone.empty()) return ServiceDiff::Kind::scale;
  return diff.service == diff.previous->service ? ServiceDiff::Kind::keep
                                                : ServiceDiff::Kind::settings;
}

void note(std::string& text, std::string_view part) {
  if (!text.empty()) text += "; ";
  text += part;
}

std::string changed_keys(const std::map<std::string, std::string>& before,
                         const std::map<std::string, std::string>& after) {
  std::set<std::string> keys;
  for (const auto& [key, value] : before) {
    const auto other = after.find(key);
    if (other == after.end() || other->second != value) keys.insert(key);
  }
  for (const auto& [key, value] : after) {
    if (!before.contains(key)) keys.insert(key);
  }
  std::string text;
  for (const std::string& key : keys) text += " " + key;
  return text;
}

}  // namespace

Rollout effective_rollout(const Service& service) {
  return one_per_machine(service) ? Rollout::recreate : service.rollout;
}

bool one_per_machine(const Service& service) {
  return service.container.network == NetworkMode::host && !service.container.ports.empty();
}

Result<ServiceDiff> diff_service(Service service, const CommittedService* previous,
                                 const Eligible& eligible, const Snapshot& snapshot,
                                 const ServiceWish& wish) {
  ServiceDiff diff;
  diff.service = std::move(service);
  diff.revision = revision_of(diff.service.container);
  diff.previous = previous;
  if (previous != nullptr) {
    Standing standing = TRY(look_at(*previous, snapshot));
    diff.gone = std::move(standing.gone);
    if (diff.revision == previous->revision && wish.replace.empty()) {
      keep_wanted(diff, std::move(standing.healthy), snapshot, wish);
      const auto moved = std::ranges::find_if(diff.gone, [](const GoneInstance& gone) {
        return gone.why.starts_with("moves to ") || gone.why.starts_with("leaves ");
      });
      if (moved != diff.gone.end()) diff.why = moved->why;
    } else {
      diff.why = wish.replace;
      for (CommittedInstance& instance : standing.healthy) {
        const std::string why = wish.replace.empty() ? "replaced" : wish.replace;
        diff.gone.push_back({std::move(instance), why, true, true});
      }
    }
  }
  uint32_t missing = 0;
  if (diff.service.placement.global) {
    for (const Machine* machine : eligible.machines) {
      missing += !std::ranges::contains(diff.kept, machine->id, &CommittedInstance::machine);
    }
  } else {
    missing = diff.service.placement.replicas - static_cast<uint32_t>(diff.kept.size());
  }
  diff.missing = missing;
  diff.kind = classify(diff, missing);
  return diff;
}

Result<ServiceDiff> diff_removed(const CommittedService& previous, const Snapshot& snapshot) {
  ServiceDiff diff;
  diff.kind = ServiceDiff::Kind::remove;
  diff.service = previous.service;
  diff.revision = previous.revision;
  diff.previous = &previous;
  Standing standing = TRY(look_at(previous, snapshot));
  diff.gone = std::move(standing.gone);
  for (CommittedInstance& instance : standing.healthy) {
    diff.gone.push_back({std::move(instance), "its service is removed", true, true});
  }
  return diff;
}

std::string describe_difference(const Service& before, const Service& after) {
  const ContainerSpec& a = before.container;
  const ContainerSpec& b = after.container;
  std::string text;
  if (a.image_id != b.image_id) {
    note(text, std::format("image {} ({}) → {} ({})", a.image, short_digest(a.image_id), b.image,
                           short_digest(b.image_id)));
  } else if (a.image != b.image) {
    note(text, std::format("image {} → {} (the same image)", a.image, b.image));
  }
  if (a.env != b.env) note(text, "env" + changed_keys(a.env, b.env));
  if (a.entrypoint != b.entrypoint) note(text, "entrypoint");
  if (a.command != b.command) note(text, "command");
  if (a.network != b.network) note(text, "network");
  if (a.restart != b.restart) note(text, "restart");
  if (a.stop_grace_period != b.stop_grace_period) note(text, "stop_grace_period");
  if (a.ports != b.ports) note(text, "ports");
  if (a.mounts != b.mounts) note(text, "mounts");
  if (a.readiness != b.readiness) note(text, "readiness");
  if (a.resources != b.resources) note(text, "resources");
  if (before.placement != after.placement) note(text, "placement");
  if (before.rollout != after.rollout) note(text, "rollout");
  if (before.publish != after.publish) note(text, "published ports");
  if (before.routes != after.routes) note(text, "routes");
  return text;
}

}  // namespace ployz

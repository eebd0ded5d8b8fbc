#include "sim/checkers/traffic_checker.h"

#include <algorithm>
#include <format>

#include "router/projection.h"

namespace ployz::sim {

TrafficChecker::TrafficChecker(World& world) : world_(world) {
  for (const auto& machine : world_.machines) {
    SimMachine* self = machine.get();
    self->gateway.on_switch([this, self](const RouteTable& table) { on_switch(*self, table); });
    self->containers.on_stopping([this](const FoundInstance& found) { on_stopping(found); });
  }
}

void TrafficChecker::on_switch(SimMachine& machine, const RouteTable& table) {
  world_.trace.counts.add(Count::gateway_switches);
  auto& shown = shown_[machine.self().id];
  for (const auto& [name_space, sequence] : table.sequences) {
    if (sequence < shown[name_space]) {
      world_.trace.violation(std::format("the gateway of {} goes back from commit {} of {} to {}",
                                         machine.self().name, shown[name_space], name_space.str(),
                                         sequence));
    }
    shown[name_space] = sequence;
  }
  check_is_projection(machine, table);
}

// Exactly one commit of every namespace, all of it: no mix.
void TrafficChecker::check_is_projection(const SimMachine& machine, const RouteTable& table) {
  const std::vector<StoredCommit> log = world_.store.log();
  std::map<NamespaceName, CommitEntry> commits;
  for (const auto& [name_space, sequence] : table.sequences) {
    if (sequence == 0 || sequence > log.size()) {
      world_.trace.violation(std::format("the gateway of {} shows commit {} of {}, which is not in "
                                         "the log",
                                         machine.self().name, sequence, name_space.str()));
      return;
    }
    auto commit = decode_commit(log[sequence - 1].bytes);
    if (commit) commits[name_space] = {sequence, std::move(*commit)};
  }
  if (project(commits, world_.cluster.config).routes == table) return;
  world_.trace.violation(std::format("the routes of {} are not the projection of the commits they "
                                     "claim to show",
                                     machine.self().name));
}

// A machine that did not answer when the newest commit was planned is not waited for: it serves the
// commit as soon as it sees it (product.md).
bool TrafficChecker::is_participant(const SimMachine& machine, const NamespaceName& name_space) {
  const auto newest = world_.newest();
  const auto entry = newest.find(name_space);
  if (entry == newest.end()) return true;
  for (const Operation& operation : world_.operations()) {
    if (operation.id != entry->second.commit.operation) continue;
    return std::ranges::contains(operation.plan.claims, machine.self().id, &Claim::machine);
  }
  return true;
}

// A name moves to another dataset: whoever writes the former one stops before the next service begins.
bool TrafficChecker::moves_data_of(const FoundInstance& found, const Commit& next) {
  const auto newest = world_.newest();
  const auto entry = newest.find(found.name_space);
  if (entry == newest.end()) return false;
  std::vector<Mount> mounts;
  for (const Commit* commit : {&entry->second.commit, &next}) {
    const CommittedService* service = commit->service(found.service);
    if (service == nullptr) continue;
    mounts.insert(mounts.end(), service->service.container.mounts.begin(),
                  service->service.container.mounts.end());
  }
  return std::ranges::any_of(mounts, [&](const Mount& mount) {
    const CommittedVolume* before = entry->second.commit.volume(mount.volume);
    const CommittedVolume* after = next.volume(mount.volume);
    return before != nullptr && (after == nullptr || after->dataset != before->dataset);
  });
}

// `recreate` stops the old before the new: its traffic is interrupted by design.
bool TrafficChecker::may_interrupt(const FoundInstance& found) {
  for (const StoredCommit& stored : world_.store.log()) {
    if (stored.name_space != found.name_space) continue;
    const auto commit = decode_commit(stored.bytes);
    if (!commit) continue;
    const CommittedService* service = commit->service(found.service);
    if (service && service->service.rollout == Rollout::recreate) return true;
  }
  for (const Operation& operation : world_.operations()) {
    if (operation.ended() || operation.name_space != found.name_space || !operation.plan.commit) {
      continue;
    }
    if (moves_data_of(found, *operation.plan.commit)) return true;
    const CommittedService* service = operation.plan.commit->service(found.service);
    if (service && service->service.rollout == Rollout::recreate) return true;
  }
  return false;
}

void TrafficChecker::on_stopping(const FoundInstance& found) {
  if (found.address.empty()) return;
  for (SimMachine* machine : world_.living()) {
    machine->gateway.check_failed(found.address);
    std::set<BackendKey> routed;
    const RouteTable table = machine->gateway.serving();
    for (const HostRoute& route : table.hosts) routed.insert(route.backend);
    for (const auto& [port, key] : table.ports) routed.insert(key);
    for (const Backend& backend : machine->gateway.taken()) {
      if (!routed.contains(backend.key)) continue;
      for (const std::string& server : backend.servers) {
        if (!server.starts_with(found.address + ":")) continue;
        if (may_interrupt(found) || !is_participant(*machine, found.name_space)) continue;
        world_.trace.violation(std::format("instance {} is stopped while the gateway of {} routes "
                                           "to it",
                                           found.id.str(), machine->self().name));
      }
    }
  }
}

}  // namespace ployz::sim

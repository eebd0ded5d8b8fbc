#include "sim/checkers/data_history.h"

#include <algorithm>
#include <format>

#include "base/check.h"

namespace ployz::sim {
namespace {

bool maps(const Commit& commit, const DatasetId& dataset) {
  return std::ranges::contains(commit.volumes, dataset, &CommittedVolume::dataset);
}

bool destroys(const Step& step, const DatasetId& dataset, const SnapshotName* snapshot) {
  const auto* whole = std::get_if<DestroyDataset>(&step.action);
  if (whole != nullptr) return whole->dataset == dataset;
  const auto* some = std::get_if<DestroySnapshots>(&step.action);
  return some != nullptr && snapshot != nullptr && some->snapshot == *snapshot &&
         std::ranges::contains(some->datasets, dataset);
}

bool gives_up(CommitKind kind) {
  return kind == CommitKind::prune || kind == CommitKind::volume_rm || kind == CommitKind::remove;
}

}  // namespace

DataHistory::DataHistory(World& world) : world_(world) {
  for (const auto& machine : world_.machines) {
    machine->volumes.observe([this, id = machine->self().id](const VolumeEvent& event) {
      on_event(id, event);
    });
  }
}

const DataHistory::Past* DataHistory::find(const DatasetId& dataset) const {
  const auto found = datasets_.find(dataset);
  return found == datasets_.end() ? nullptr : &found->second;
}

void DataHistory::note(const Commit& commit) {
  for (const CommittedService& committed : commit.services) {
    for (const Mount& mount : committed.service.container.mounts) {
      const CommittedVolume* volume = commit.volume(mount.volume);
      if (volume == nullptr || mount.read_only) continue;
      for (const CommittedInstance& instance : committed.instances) {
        writers_[volume->dataset].insert(instance.id);
      }
    }
  }
  // One owner: no two names, of one namespace or of two, for one dataset.
  for (const CommittedVolume& volume : commit.volumes) {
    for (const auto& [name_space, index] : newest_) {
      const Commit& other = log_[index];
      for (const CommittedVolume& its : other.volumes) {
        const bool same = name_space == commit.name_space && its.spec.name == volume.spec.name;
        if (its.dataset != volume.dataset || same) continue;
        world_.trace.violation(std::format("dataset {} is {}/{} and {}/{}", volume.dataset.str(),
                                           commit.name_space.str(), volume.spec.name.str(),
                                           name_space.str(), its.spec.name.str()));
      }
    }
  }
}

const std::deque<Commit>& DataHistory::log() {
  for (const StoredCommit& stored : world_.store.log_since(log_.size())) {
    auto commit = decode_commit(stored.bytes);
    if (!commit) {
      world_.trace.violation(std::format("commit {}: {}", stored.sequence, commit.error().line()));
      commit = Commit{};
    }
    note(*commit);
    newest_[stored.name_space] = log_.size();
    log_.push_back(std::move(*commit));
  }
  return log_;
}

std::vector<const Commit*> DataHistory::log_of(const NamespaceName& name_space) {
  std::vector<const Commit*> found;
  for (const Commit& commit : log()) {
    if (commit.name_space == name_space && commit.kind != CommitKind::fence) {
      found.push_back(&commit);
    }
  }
  return found;
}

bool DataHistory::mapped(const DatasetId& dataset) {
  (void)log();
  return std::ranges::any_of(newest_, [&](const auto& one) { return maps(log_[one.second], dataset); });
}

bool DataHistory::ever_mapped(const DatasetId& dataset) {
  return std::ranges::any_of(log(), [&](const Commit& one) { return maps(one, dataset); });
}

bool DataHistory::given_up(const DatasetId& dataset, const SnapshotName* snapshot) {
  std::set<OperationId> operations;
  for (const Commit& commit : log()) {
    if (gives_up(commit.kind)) operations.insert(commit.operation);
  }
  if (operations.empty()) return false;
  for (const Operation& operation : world_.operations()) {
    if (!operations.contains(operation.id)) continue;
    const bool its = std::ranges::any_of(operation.plan.cleanup, [&](const Step& step) {
      return destroys(step, dataset, snapshot);
    });
    if (its) return true;
  }
  return false;
}

void DataHistory::on_event(const MachineId& machine, const VolumeEvent& event) {
  ++moments_;
  if (event.kind == VolumeEvent::Kind::made) return on_made(machine, event);
  if (event.kind == VolumeEvent::Kind::received) return on_received(machine, event);
  const auto found = datasets_.find(event.spec.id);
  check(found != datasets_.end(), "a dataset has a beginning");
  Past& past = found->second;
  switch (event.kind) {
    case VolumeEvent::Kind::snapshot:
      past.snapshots[event.snapshot] = {std::string(event.content), moments_};
      past.gone.erase(event.snapshot);
      return;
    case VolumeEvent::Kind::written:
      return on_written(past, event);
    case VolumeEvent::Kind::destroyed:
      return on_destroyed(past);
    case VolumeEvent::Kind::snapshot_destroyed:
      return on_snapshot_destroyed(past, event.snapshot);
    case VolumeEvent::Kind::made:
    case VolumeEvent::Kind::received:
      return;
  }
}

void DataHistory::on_made(const MachineId& machine, const VolumeEvent& event) {
  if (datasets_.contains(event.spec.id)) {
    world_.trace.violation(std::format("the id of dataset {} is used a second time, on {}",
                                       event.spec.id.str(), machine.str()));
  }
  Past past;
  past.spec = event.spec;
  past.machine = machine;
  past.began = past.content = event.content;
  datasets_.insert_or_assign(event.spec.id, std::move(past));
}

void DataHistory::on_received(const MachineId& machine, const VolumeEvent& event) {
  auto found = datasets_.find(event.spec.id);
  // A stream that was wrong took the dataset with it; the same step asks for another.
  const bool again = found != datasets_.end() && found->second.destroyed &&
                     found->second.spec.operation == event.spec.operation &&
                     found->second.machine == machine && !ever_mapped(event.spec.id);
  if (again) datasets_.erase(found);
  if (again || found == datasets_.end()) {
    on_made(machine, event);
    found = datasets_.find(event.spec.id);
  }
  Past& past = found->second;
  if (!past.writes.empty() || past.machine != machine) {
    world_.trace.violation(std::format("dataset {} is received on {} over what is there",
                                       event.spec.id.str(), machine.str()));
  }
  world_.trace.counts.add(Count::receives);
  past.began = past.content = event.content;
  past.snapshots[event.snapshot] = {std::string(event.content), moments_};
}

void DataHistory::on_written(Past& past, const VolumeEvent& event) {
  world_.trace.counts.add(Count::writes);
  if (!event.content.starts_with(past.content)) {
    world_.trace.violation(
        std::format("the content of dataset {} was changed behind its writers' backs",
                    past.spec.id.str()));
  }
  const std::string line(event.content.substr(std::min(past.content.size(), event.content.size())));
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  const InstanceId writer(line.substr(0, first));
  past.writes.push_back({moments_, writer});
  past.content = event.content;
  check_writer(past, writer, OperationId(line.substr(first + 1, second - first - 1)));
}

void DataHistory::check_writer(const Past& past, const InstanceId& writer,
                               const OperationId& operation) {
  const DatasetId& id = past.spec.id;
  // Nobody can stop what runs there, and nobody will ever see it.
  if (world_.machine(past.machine)->dead()) return;
  const bool is_mapped = mapped(id);
  if (!is_mapped && !ever_mapped(id)) {
    if (operation == past.spec.operation) return;
    return world_.trace.violation(
        std::format("dataset {} of operation {} is written by {} of operation {}", id.str(),
                    past.spec.operation.str(), writer.str(), operation.str()));
  }
  if (!is_mapped) {
    if (given_up(id)) return;  // whoever still writes it is removed together with it
    return world_.trace.violation(
        std::format("dataset {} ({}/{}) is written by {} after a commit moved the name off it",
                    id.str(), past.spec.name_space.str(), past.spec.volume.str(), writer.str()));
  }
  if (writers_[id].contains(writer)) return;
  for (const auto& [name_space, index] : newest_) {
    for (const CommittedVolume& volume : log_[index].volumes) {
      if (volume.dataset == id && volume.spec.scope == VolumeScope::shared) return;
    }
  }
  world_.trace.violation(std::format("dataset {} ({}/{}) is written by {}, which no commit names",
                                     id.str(), past.spec.name_space.str(), past.spec.volume.str(),
                                     writer.str()));
}

void DataHistory::on_destroyed(Past& past) {
  past.destroyed = true;
  const DatasetId& id = past.spec.id;
  if (mapped(id)) {
    return world_.trace.violation(std::format("dataset {} of {}/{} is destroyed, and a newest commit "
                                              "maps it",
                                              id.str(), past.spec.name_space.str(),
                                              past.spec.volume.str()));
  }
  if (!ever_mapped(id) || given_up(id)) return;
  world_.trace.violation(std::format("dataset {} of {}/{} is destroyed, and no commit gave it up",
                                     id.str(), past.spec.name_space.str(), past.spec.volume.str()));
}

void DataHistory::on_snapshot_destroyed(Past& past, const SnapshotName& name) {
  past.gone.insert(name);
  const bool of_a_commit = std::ranges::any_of(
      log(), [&](const Commit& commit) { return commit.id.str() == name.str(); });
  if (!of_a_commit || given_up(past.spec.id, &name)) return;
  world_.trace.violation(std::format("snapshot {} of dataset {} is destroyed, and no commit gave it "
                                     "up",
                                     name.str(), past.spec.id.str()));
}

}  // namespace ployz::sim

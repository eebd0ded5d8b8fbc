#include "plan/volume_steps.h"

#include <algorithm>
#include <format>
#include <set>

namespace ployz {
using Kind = VolumeLayout::Kind;

DatasetSpec VolumeSteps::spec_of(const VolumeLayout& volume) const {
  const VolumeSpec& spec = volume.next.spec;
  return {volume.next.dataset, plan_.name_space,      spec.name, plan_.commit->operation,
          spec.quota_bytes,    spec.mode,             spec.owner};
}

StepId VolumeSteps::snapshot(const MachineId& machine, std::vector<DatasetId> datasets,
                             SnapshotName name, std::vector<InstanceId> pause, StepIds after) {
  std::vector<Action> undo{DestroySnapshots{datasets, name}};
  return steps_.agent(machine, SnapshotDatasets{std::move(datasets), name, std::move(pause)},
                      std::move(undo), std::move(after));
}

StepId VolumeSteps::clone(const VolumeLayout& volume, SnapshotName name, StepIds after) {
  return steps_.agent(volume.next.machine,
                      CloneDataset{spec_of(volume), {volume.origin.dataset, std::move(name)}},
                      {DestroyDataset{volume.next.dataset}}, std::move(after));
}

void VolumeSteps::before_stops() {
  for (const VolumeLayout& volume : volumes_) {
    const MachineId& machine = volume.next.machine;
    switch (volume.kind) {
      case Kind::create:
        ready_[volume.name()] = {steps_.agent(machine, EnsureDataset{spec_of(volume)},
                                              {DestroyDataset{volume.next.dataset}}, {})};
        break;
      case Kind::clone:
        ready_[volume.name()] = {clone(volume, volume.origin.snapshot, {})};
        break;
      case Kind::move:
        rounds(volume);
        break;
      case Kind::keep:
        if (volume.quota_changed) {
          ready_[volume.name()] = {
              steps_.agent(machine, SetQuota{volume.next.dataset, volume.next.spec.quota_bytes},
                           {SetQuota{volume.next.dataset, volume.previous->spec.quota_bytes}}, {})};
        }
        break;
      case Kind::fork:
      case Kind::refork:
        break;
    }
  }
  fork_all();
}

// Each round sends what was written during the one before, so the last delta, for which the writers
// stop, is what a moment writes.
void VolumeSteps::rounds(const VolumeLayout& volume) {
  StepIds before;
  for (int round = 1; round <= kLiveRounds; ++round) {
    const SnapshotName name(std::format("{}-{}", plan_.commit->id.str(), round));
    const StepId taken =
        snapshot(volume.origin_machine, {volume.origin.dataset}, name, {}, std::move(before));
    before = {steps_.agent(
        volume.next.machine,
        ReceiveDataset{spec_of(volume), volume.origin_machine, {volume.origin.dataset, name}, true},
        {DestroyDataset{volume.next.dataset}}, {taken})};
    steps_.cleanup(volume.origin_machine, Target::agent,
                   DestroySnapshots{{volume.origin.dataset}, name}, {});
    steps_.cleanup(volume.next.machine, Target::agent,
                   DestroySnapshots{{volume.next.dataset}, name}, {});
  }
  ready_[volume.name()] = std::move(before);
}

VolumeSteps::Datasets VolumeSteps::sources() const {
  Datasets sources;
  for (const VolumeLayout& volume : volumes_) {
    if (volume.kind != Kind::fork) continue;
    auto& datasets = sources[volume.origin_machine];
    if (!std::ranges::contains(datasets, volume.origin.dataset)) {
      datasets.push_back(volume.origin.dataset);
    }
  }
  return sources;
}

// One snapshot step for each machine. On a single machine it pauses by itself, for the shortest
// moment; on several, all writers stand still before the first snapshot is taken, until the last is.
std::map<MachineId, StepIds> VolumeSteps::snapshot_together(const Datasets& datasets,
                                                            const StepIds& after) {
  std::map<MachineId, std::vector<InstanceId>> writers;
  for (const CommittedInstance& writer : next_.paused) {
    writers[writer.machine].push_back(writer.id);
  }
  std::map<MachineId, StepIds> taken;
  const bool alone = datasets.size() == 1 && writers.size() <= 1 &&
                     (writers.empty() || writers.begin()->first == datasets.begin()->first);
  if (alone) {
    const auto& [machine, ids] = *datasets.begin();
    std::vector<InstanceId> pause;
    if (!writers.empty()) pause = writers.begin()->second;
    taken[machine] = {snapshot(machine, ids, mark(), std::move(pause), after)};
    return taken;
  }
  StepIds paused = after;
  for (const auto& [machine, instances] : writers) {
    paused.push_back(
        steps_.agent(machine, PauseInstances{instances}, {ResumeInstances{instances}}, after));
  }
  StepIds all;
  for (const auto& [machine, ids] : datasets) {
    const StepId step = snapshot(machine, ids, mark(), {}, paused);
    taken[machine] = {step};
    all.push_back(step);
  }
  for (const auto& [machine, instances] : writers) {
    const StepId resumed = steps_.agent(machine, ResumeInstances{instances}, {}, all);
    // What was snapshotted is good only if everybody stood still until now.
    for (auto& [other, steps] : taken) steps.push_back(resumed);
  }
  return taken;
}

void VolumeSteps::fork_all() {
  const bool any = std::ranges::any_of(
      volumes_, [](const VolumeLayout& volume) { return volume.kind == Kind::fork; });
  if (!any) return;
  const auto taken = snapshot_together(sources(), {});
  for (const VolumeLayout& volume : volumes_) {
    if (volume.kind != Kind::fork) continue;
    ready_[volume.name()] = {clone(volume, mark(), taken.at(volume.origin_machine))};
  }
}

void VolumeSteps::after_stops(const std::map<VolumeName, StepIds>& stopped) {
  for (const VolumeLayout& volume : volumes_) {
    if (volume.previous == nullptr || !volume.changes() || volume.lost) continue;
    const auto found = stopped.find(volume.name());
    StepIds& ready = ready_[volume.name()];
    const StepIds before = joined(ready, found == stopped.end() ? StepIds{} : found->second);
    // What the old writers left: the former commit's `last`.
    const StepId left =
        snapshot(volume.previous->machine, {volume.previous->dataset}, mark(), {}, before);
    ready.push_back(left);
    if (volume.kind == Kind::refork) ready.push_back(clone(volume, mark(), {left}));
    if (volume.kind == Kind::move) {
      ready.push_back(steps_.agent(
          volume.next.machine,
          ReceiveDataset{spec_of(volume), volume.origin_machine, {volume.origin.dataset, mark()},
                         false},
          {DestroyDataset{volume.next.dataset}}, {left}));
    }
  }
}

void VolumeSteps::at_commit(const StepIds& after) {
  Datasets datasets;
  for (const VolumeLayout& volume : volumes_) {
    // A moved one has received this very snapshot.
    if (volume.kind == Kind::move) continue;
    if (volume.lost && !volume.changes()) continue;
    datasets[volume.next.machine].push_back(volume.next.dataset);
  }
  const StepIds before = joined(after, all_ready());
  // Here these snapshots are all there is to it; elsewhere only forked volumes are of one moment.
  if (next_.commit_kind == CommitKind::snapshot && !datasets.empty()) {
    (void)snapshot_together(datasets, before);
    return;
  }
  for (auto& [machine, ids] : datasets) snapshot(machine, std::move(ids), mark(), {}, before);
}

StepIds VolumeSteps::ready(const Service& service) const {
  StepIds steps;
  for (const Mount& mount : service.container.mounts) {
    const auto found = ready_.find(mount.volume);
    if (found != ready_.end()) steps = joined(std::move(steps), found->second);
  }
  return steps;
}

StepIds VolumeSteps::all_ready() const {
  StepIds steps;
  for (const auto& [volume, ids] : ready_) steps = joined(std::move(steps), ids);
  return steps;
}

void VolumeSteps::claim(Claim& claim) const {
  std::set<DatasetId> needed;
  for (const VolumeLayout& volume : volumes_) {
    if (volume.previous != nullptr && volume.previous->machine == claim.machine) {
      needed.insert(volume.previous->dataset);
    }
    if (volume.origin_machine == claim.machine && !volume.origin.dataset.empty()) {
      needed.insert(volume.origin.dataset);
    }
  }
  claim.datasets.assign(needed.begin(), needed.end());
}

}  // namespace ployz

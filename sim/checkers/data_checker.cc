#include "sim/checkers/data_checker.h"

#include <algorithm>
#include <format>

namespace ployz::sim {
namespace {

bool is_without_effect(Outcome outcome) {
  return outcome == Outcome::failed || outcome == Outcome::aborted || outcome == Outcome::refused;
}

bool changes_state(CommitKind kind) {
  return kind != CommitKind::snapshot && kind != CommitKind::prune && kind != CommitKind::fence;
}

bool is_name_of(const SnapshotName& name, const CommitId& commit) {
  return name.str() == commit.str() || name.str().starts_with(commit.str() + "-");
}

// Commits that leave volumes alone take no snapshots of them.
bool takes_snapshots(CommitKind kind) {
  return kind != CommitKind::prune && kind != CommitKind::volume_rm && kind != CommitKind::fence;
}

const Commit* parent_of(const std::vector<const Commit*>& log, const Commit& commit) {
  const auto found = std::ranges::find(log, &commit);
  return found == log.begin() ? nullptr : *(found - 1);
}

std::string name_of(const Commit& commit, const CommittedVolume& volume) {
  return std::format("{}/{} of {} {}", commit.name_space.str(), volume.spec.name.str(),
                     to_string(commit.kind), commit.id.str());
}

std::string brief(const std::string& content) {
  const auto lines = std::ranges::count(content, '\n');
  const size_t last = content.size() < 2 ? 0 : content.rfind('\n', content.size() - 2) + 1;
  return std::format("{} lines, last '{}'", lines,
                     content.substr(std::min(last, content.size()),
                                    content.size() - std::min(content.size(), last + 1)));
}

}  // namespace

void DataChecker::on_answer(const Answer& answer, const Request* request) {
  if (answer.lost || !answer.result) return;
  const Operation& operation = *answer.result;
  if (request != nullptr) requests_.emplace(operation.id, *request);
  if (is_without_effect(operation.outcome)) check_left_nothing(operation);
  if (operation.committed_sequence == 0 || !checked_.insert(operation.id).second) return;
  const std::deque<Commit>& log = history_.log();
  if (operation.committed_sequence <= log.size()) {
    check_promise(operation, log[operation.committed_sequence - 1]);
  }
}

bool DataChecker::paused_by_others(const OperationId& operation, const InstanceId& instance) {
  return std::ranges::any_of(world_.operations(), [&](const Operation& other) {
    if (other.ended() || other.id == operation) return false;
    return std::ranges::any_of(other.plan.apply, [&](const Step& step) {
      const auto* pause = std::get_if<PauseInstances>(&step.action);
      const auto* taken = std::get_if<SnapshotDatasets>(&step.action);
      return (pause != nullptr && std::ranges::contains(pause->instances, instance)) ||
             (taken != nullptr && std::ranges::contains(taken->pause, instance));
    });
  });
}

void DataChecker::check_left_nothing(const Operation& operation) {
  const auto complain = [&](const SimMachine& machine, const std::string& what) {
    world_.trace.violation(std::format("operation {} is {}, but its {} is on {}",
                                       operation.id.str(), to_string(operation.outcome), what,
                                       machine.self().name));
  };
  const std::set<InstanceId> pauses = [&] {
    std::set<InstanceId> found;
    for (const Step& step : operation.plan.apply) {
      const auto* pause = std::get_if<PauseInstances>(&step.action);
      if (pause != nullptr) found.insert(pause->instances.begin(), pause->instances.end());
    }
    return found;
  }();
  for (SimMachine* machine : world_.living()) {
    for (const Dataset& dataset : machine->volumes.all()) {
      if (dataset.spec.operation == operation.id) {
        complain(*machine, "dataset " + dataset.spec.id.str());
      }
      for (const DatasetSnapshot& snapshot : dataset.snapshots) {
        if (!operation.plan.commit || !is_name_of(snapshot.name, operation.plan.commit->id)) continue;
        complain(*machine, std::format("snapshot {} of {}", snapshot.name.str(),
                                       dataset.spec.id.str()));
      }
    }
    for (const InstanceId& instance : machine->containers.paused()) {
      if (!pauses.contains(instance) || paused_by_others(operation.id, instance)) continue;
      complain(*machine, "pause of " + instance.str());
    }
  }
}

void DataChecker::check_promise(const Operation& operation, const Commit& commit) {
  const Commit* parent = parent_of(history_.log_of(commit.name_space), commit);
  for (const CommittedVolume& volume : commit.volumes) check_volume(commit, parent, volume);
  check_one_moment(operation, commit);
}

const std::string* DataChecker::snapshot_of(const DatasetId& dataset, const CommitId& commit) {
  const DataHistory::Past* past = history_.find(dataset);
  if (past == nullptr) return nullptr;
  const auto found = past->snapshots.find(SnapshotName(commit.str()));
  return found == past->snapshots.end() ? nullptr : &found->second.content;
}

std::optional<RollbackData> DataChecker::state_of(const Commit& rollback) const {
  const auto request = requests_.find(rollback.operation);
  if (request == requests_.end()) return std::nullopt;
  if (const auto* direct = std::get_if<RollbackRequest>(&request->second)) return direct->state;
  const auto* deploy = std::get_if<DeployRequest>(&request->second);
  if (deploy == nullptr || !deploy->manifest.rollback) return std::nullopt;
  return deploy->state.value_or(deploy->manifest.rollback->state);
}

// Of the commit that a rollback goes back to: as it was made, and as it was left.
void DataChecker::add_former_moments(const Commit& commit, const VolumeName& volume,
                                     std::vector<std::string>& contents) {
  const auto log = history_.log_of(commit.name_space);
  const auto end = std::ranges::find(log, &commit);
  const auto target = std::ranges::find(log.begin(), end, commit.from->commit, &Commit::id);
  if (target == end) return;
  const CommittedVolume* former = (*target)->volume(volume);
  if (former == nullptr) return;
  auto next = target + 1;
  while (next != end && !changes_state((*next)->kind)) ++next;
  if (next == end) --next;  // nothing but snapshots came after it: the last of them
  const auto state = state_of(commit);
  const auto add = [&](RollbackData when, const CommitId& moment) {
    if (state && *state != when) return;
    if (const std::string* content = snapshot_of(former->dataset, moment)) {
      contents.push_back(*content);
    }
  };
  add(RollbackData::commit, (*target)->id);
  add(RollbackData::last, (*next)->id);
}

std::optional<bool> DataChecker::is_taken(const Commit& commit, const VolumeName& volume,
                                          bool has_own) const {
  const auto found = requests_.find(commit.operation);
  if (found == requests_.end()) return std::nullopt;
  const Request& request = found->second;
  if (const auto* branch = std::get_if<BranchRequest>(&request)) {
    const auto mode = branch->volumes.find(volume);
    const bool named = mode != branch->volumes.end();
    return (named ? mode->second : branch->volume_mode) == BranchMode::branch;
  }
  if (const auto* fork = std::get_if<ForkVolumeRequest>(&request)) return fork->new_name == volume;
  const auto taken = [&](const std::map<VolumeName, PromoteData>& volumes) {
    const auto asked = volumes.find(volume);
    return asked == volumes.end() ? !has_own : asked->second == PromoteData::take;
  };
  if (const auto* promote = std::get_if<PromoteRequest>(&request)) return taken(promote->volumes);
  const auto* deploy = std::get_if<DeployRequest>(&request);
  if (deploy == nullptr || !deploy->manifest.promote) return std::nullopt;
  return taken(deploy->manifest.promote->volumes);
}

// The source's volume at the moment of this commit.
void DataChecker::add_source_moments(const Commit& commit, const VolumeName& volume,
                                     std::vector<std::string>& contents) {
  const auto request = requests_.find(commit.operation);
  const auto* fork =
      request == requests_.end() ? nullptr : std::get_if<ForkVolumeRequest>(&request->second);
  // A fence is the newest commit as well as any other.
  for (const Commit& source : history_.log()) {
    if (source.name_space != commit.from->name_space || source.id != commit.from->commit) continue;
    for (const CommittedVolume& its : source.volumes) {
      const bool meant = commit.kind == CommitKind::fork ? !fork || its.spec.name == fork->volume
                                                         : its.spec.name == volume;
      const std::string* content = meant ? snapshot_of(its.dataset, commit.id) : nullptr;
      if (content != nullptr) contents.push_back(*content);
    }
  }
}

std::vector<std::string> DataChecker::promised(const Commit& commit, const Commit* parent,
                                               const CommittedVolume& volume) {
  std::vector<std::string> contents;
  const VolumeName& name = volume.spec.name;
  const CommittedVolume* before = parent == nullptr ? nullptr : parent->volume(name);
  const bool takes = commit.kind == CommitKind::branch || commit.kind == CommitKind::promote ||
                     commit.kind == CommitKind::fork;
  if (takes && commit.from) {
    // The same promote again takes nothing.
    const bool again = parent != nullptr && parent->kind == CommitKind::promote &&
                       parent->from == commit.from;
    const auto taken = again ? std::nullopt : is_taken(commit, name, before != nullptr);
    if (taken.value_or(true)) add_source_moments(commit, name, contents);
    if (taken == true) return contents;
  }
  if (commit.kind == CommitKind::rollback && commit.from &&
      state_of(commit) != RollbackData::keep) {
    const size_t known = contents.size();
    add_former_moments(commit, name, contents);
    // A rollback of data is nothing else, even when the data goes on in a clone.
    if (state_of(commit) && contents.size() > known) return contents;
  }
  // What a removed namespace left is not where a branch of its name starts (seeds 2259, 2900).
  if (before == nullptr || commit.kind == CommitKind::branch) {
    contents.emplace_back();
  } else if (const DataHistory::Past* past = history_.find(before->dataset)) {
    contents.push_back(past->content);
  }
  return contents;
}

// A volume that goes on in place was checked with each write. Else: what it began with.
void DataChecker::check_volume(const Commit& commit, const Commit* parent,
                               const CommittedVolume& volume) {
  const CommittedVolume* before = parent == nullptr ? nullptr : parent->volume(volume.spec.name);
  if (before != nullptr && before->dataset == volume.dataset) return;
  const DataHistory::Past* past = history_.find(volume.dataset);
  if (past == nullptr) {
    return world_.trace.violation(
        std::format("{}: dataset {} never was", name_of(commit, volume), volume.dataset.str()));
  }
  const auto contents = promised(commit, parent, volume);
  if (std::ranges::contains(contents, past->began)) return;
  std::string wanted;
  for (const std::string& content : contents) wanted += "; or " + brief(content);
  world_.trace.violation(std::format("{}: dataset {} began with {}, promised were{}",
                                     name_of(commit, volume), volume.dataset.str(),
                                     brief(past->began), wanted));
}

// Who was to stand still wrote nothing between the first snapshot and the last of those steps that
// wait for a pause, or make one themselves.
void DataChecker::check_one_moment(const Operation& operation, const Commit& commit) {
  std::set<InstanceId> writers;
  std::set<StepId> pauses;
  std::set<DatasetId> datasets;
  for (const Step& step : operation.plan.apply) {
    if (const auto* pause = std::get_if<PauseInstances>(&step.action)) {
      writers.insert(pause->instances.begin(), pause->instances.end());
      pauses.insert(step.id);
    }
    const auto* taken = std::get_if<SnapshotDatasets>(&step.action);
    if (taken == nullptr) continue;
    const bool waits = std::ranges::any_of(step.after, [&](const StepId& before) {
      return pauses.contains(before);
    });
    if (taken->pause.empty() && !waits) continue;
    writers.insert(taken->pause.begin(), taken->pause.end());
    datasets.insert(taken->datasets.begin(), taken->datasets.end());
  }
  uint64_t first = UINT64_MAX;
  uint64_t last = 0;
  for (const DatasetId& dataset : datasets) {
    const DataHistory::Past* past = history_.find(dataset);
    if (past == nullptr) continue;
    const auto taken = past->snapshots.find(SnapshotName(commit.id.str()));
    if (taken == past->snapshots.end()) continue;
    first = std::min(first, taken->second.moment);
    last = std::max(last, taken->second.moment);
  }
  for (const DatasetId& dataset : datasets) {
    const DataHistory::Past* past = history_.find(dataset);
    if (past == nullptr) continue;
    for (const DataHistory::Write& write : past->writes) {
      if (write.moment < first || write.moment > last || !writers.contains(write.writer)) continue;
      world_.trace.violation(std::format("{} wrote to dataset {} while it was to stand still for "
                                         "commit {}",
                                         write.writer.str(), dataset.str(), commit.id.str()));
    }
  }
}

// What a commit maps is there, as it was made and as it was left.
void DataChecker::check_kept_by(const Commit& commit, const Commit* next) {
  for (const CommittedVolume& volume : commit.volumes) {
    SimMachine* machine = world_.machine(volume.machine);
    if (machine == nullptr || machine->dead()) continue;
    const auto all = machine->volumes.all();
    const auto found = std::ranges::find(all, volume.dataset,
                                         [](const Dataset& one) { return one.spec.id; });
    if (found == all.end()) {
      if (!history_.given_up(volume.dataset) || history_.mapped(volume.dataset)) {
        world_.trace.violation(std::format("dataset {} of {} is not on {}", volume.dataset.str(),
                                           name_of(commit, volume), machine->self().name));
      }
      continue;
    }
    const auto check_snapshot = [&](const CommitId& id) {
      const SnapshotName name(id.str());
      if (found->snapshot(name) != nullptr || history_.given_up(volume.dataset, &name)) return;
      world_.trace.violation(std::format("snapshot {} of {} is not on {}", name.str(),
                                         name_of(commit, volume), machine->self().name));
    };
    if (takes_snapshots(commit.kind)) check_snapshot(commit.id);
    if (next == nullptr || !takes_snapshots(next->kind)) continue;
    check_snapshot(next->id);
    const CommittedVolume* after = next->volume(volume.spec.name);
    const std::string* left = snapshot_of(volume.dataset, next->id);
    const bool moved = after != nullptr && after->dataset != volume.dataset;
    if (!moved || left == nullptr || *left == history_.find(volume.dataset)->content) continue;
    world_.trace.violation(std::format("{}: what was written last is not in the snapshot of {}",
                                       name_of(commit, volume), next->id.str()));
  }
}

void DataChecker::check_kept(const NamespaceName& name_space) {
  const auto log = history_.log_of(name_space);
  for (size_t i = 0; i < log.size(); ++i) {
    check_kept_by(*log[i], i + 1 < log.size() ? log[i + 1] : nullptr);
  }
}

void DataChecker::check_owners() {
  std::set<OperationId> operations;
  std::set<std::string> commits;
  for (const Commit& commit : history_.log()) {
    if (commit.kind == CommitKind::fence) continue;
    operations.insert(commit.operation);
    commits.insert(commit.id.str());
  }
  for (SimMachine* machine : world_.living()) {
    const std::string& name = machine->self().name;
    for (const Dataset& dataset : machine->volumes.all()) {
      if (!operations.contains(dataset.spec.operation)) {
        world_.trace.violation(std::format("dataset {} on {} is of operation {}, which has not "
                                           "committed",
                                           dataset.spec.id.str(), name,
                                           dataset.spec.operation.str()));
      }
      for (const DatasetSnapshot& snapshot : dataset.snapshots) {
        if (commits.contains(snapshot.name.str())) continue;
        world_.trace.violation(std::format("snapshot {} of dataset {} on {} is of no commit",
                                           snapshot.name.str(), dataset.spec.id.str(), name));
      }
    }
    for (const DatasetId& dataset : machine->volumes.leftovers()) {
      world_.trace.violation(std::format("half of dataset {} is left on {}", dataset.str(), name));
    }
    for (const InstanceId& instance : machine->containers.paused()) {
      world_.trace.violation(std::format("instance {} on {} still stands still", instance.str(), name));
    }
  }
}

void DataChecker::at_the_end() {
  for (const Operation& operation : world_.operations()) {
    if (is_without_effect(operation.outcome)) check_left_nothing(operation);
    const std::deque<Commit>& log = history_.log();
    const uint64_t sequence = operation.committed_sequence;
    if (sequence == 0 || sequence > log.size() || checked_.contains(operation.id)) continue;
    check_promise(operation, log[sequence - 1]);
  }
  std::set<NamespaceName> namespaces;
  for (const Commit& commit : history_.log()) namespaces.insert(commit.name_space);
  for (const NamespaceName& name_space : namespaces) check_kept(name_space);
  check_owners();
}

}  // namespace ployz::sim

#include <algorithm>
#include <format>

#include "plan/carry_over.h"
#include "plan/participants.h"
#include "plan/placement.h"
#include "plan/planners.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

using History = std::vector<CommitEntry>;  // newest first

Result<const History*> history_of(const Snapshot& snapshot, const NamespaceName& name) {
  const auto found = snapshot.history.find(name);
  if (found != snapshot.history.end() && !found->second.empty()) return &found->second;
  return fail(Code::not_found, std::format("namespace {} does not exist", name.str()),
              "list the namespaces with: ployzctl namespace ls");
}

Result<size_t> previous_state(const History& history, const NamespaceName& name) {
  bool seen = false;
  for (size_t i = 0; i < history.size(); ++i) {
    if (!changes_state(history[i].commit)) continue;
    if (seen) return i;
    seen = true;
  }
  return fail(Code::precondition, std::format("namespace {} has no earlier commit", name.str()),
              std::format("see: ployzctl log {}", name.str()));
}

Result<size_t> find_commit(const History& history, const RollbackRequest& request) {
  if (request.to.empty()) return previous_state(history, request.name_space);
  std::vector<size_t> found;
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].commit.id.str().starts_with(request.to)) found.push_back(i);
  }
  if (found.size() == 1) return found.front();
  const std::string see = std::format("list them: ployzctl log {}", request.name_space.str());
  if (found.empty()) {
    return fail(Code::not_found, std::format("namespace {} has no commit {}",
                                             request.name_space.str(), request.to), see);
  }
  return fail(Code::invalid, std::format("{} commits of namespace {} begin with {}", found.size(),
                                         request.name_space.str(), request.to), see);
}

// The commit that took over from the one at `index`: its id names the snapshot of what was left.
const Commit& successor(const History& history, size_t index) {
  size_t next = index == 0 ? 0 : index - 1;
  while (next > 0 && !changes_state(history[next].commit)) --next;
  return history[next].commit;
}

std::string moment(RollbackData state, const Commit& target, const Commit& after) {
  return state == RollbackData::commit ? "as when commit " + brief(target.id) + " was made"
                                       : "as before commit " + brief(after.id) + " took over";
}

// The snapshot must be where the commit says, now.
Status check_there(const CommittedVolume& volume, const SnapshotName& name, const std::string& when,
                   const Snapshot& snapshot) {
  const std::string what = std::format("volume {} {}", volume.spec.name.str(), when);
  const Machine* machine = find_machine(snapshot, volume.machine);
  const std::string hint = "go back without data: --state keep";
  if (machine == nullptr) {
    return fail(Code::precondition,
                std::format("{} was on machine {}, which left the network", what,
                            volume.machine.str()), hint);
  }
  if (!snapshot.facts.contains(machine->id)) {
    return fail(Code::precondition,
                std::format("{} is on machine {}, which does not answer", what, machine->name),
                "bring it back; or " + hint);
  }
  const Dataset* dataset = find_dataset(snapshot, volume.machine, volume.dataset);
  if (dataset != nullptr && dataset->snapshot(name) != nullptr) return {};
  return fail(Code::precondition,
              std::format("{} is not kept on {} any more: it was pruned", what, machine->name), hint);
}

Status restore_volumes(NextState& next, const RollbackRequest& request, const Commit& target,
                       const Commit& after, const Commit& newest, const Snapshot& snapshot) {
  for (const CommittedVolume& volume : target.volumes) {
    WantedVolume wanted{volume.spec, {}};
    if (request.state == RollbackData::keep) {
      if (newest.volume(volume.spec.name) == nullptr) {
        return fail(Code::precondition,
                    std::format("volume {} is not there any more, so it cannot be kept",
                                volume.spec.name.str()),
                    "restore it too: --state last");
      }
      next.volumes.push_back(std::move(wanted));
      continue;
    }
    const SnapshotName name(request.state == RollbackData::commit ? target.id.str()
                                                                  : after.id.str());
    const std::string when = moment(request.state, target, after);
    TRY(check_there(volume, name, when, snapshot));
    wanted.source = {VolumeSource::Kind::clone, {volume.dataset, name}, volume.machine, when};
    next.volumes.push_back(std::move(wanted));
  }
  return {};
}

}  // namespace

Result<CommitEntry> rollback_target(const RollbackRequest& request, const Snapshot& snapshot) {
  const History& history = *TRY(history_of(snapshot, request.name_space));
  return history[TRY(find_commit(history, request))];
}

Result<Plan> plan_rollback(const RollbackRequest& request, const Snapshot& snapshot,
                           const PlanIdentity& identity) {
  const History& history = *TRY(history_of(snapshot, request.name_space));
  const size_t index = TRY(find_commit(history, request));
  const Commit& target = history[index].commit;
  const Commit& newest = history.front().commit;
  if (target.removed) {
    return fail(Code::precondition,
                std::format("commit {} is the removal of namespace {}", target.id.str(),
                            request.name_space.str()),
                std::format("ployzctl namespace rm {}", request.name_space.str()));
  }
  const bool again = newest.kind == CommitKind::rollback && newest.from &&
                     newest.from->commit == target.id && !request.to.empty();
  // To the newest commit itself only its data can go back.
  const bool here = index == 0 && (request.state != RollbackData::commit || newest.volumes.empty());
  if (here || again) {
    return already("rollback", history.front(),
                   std::format("is at commit {} already", brief(target.id)));
  }
  NextState next;
  next.plan_kind = "rollback";
  next.commit_kind = CommitKind::rollback;
  next.name_space = request.name_space;
  next.manifest_digest = target.manifest_digest;
  next.from = CommitOrigin{request.name_space, target.id};
  next.always_commit = true;
  for (const CommittedService& committed : target.services) {
    next.services.push_back(committed.service);
  }
  TRY(restore_volumes(next, request, target, successor(history, index), newest, snapshot));
  next.notes.push_back({Change::Kind::data, "commit " + brief(target.id),
                        std::format("is restored as a new one{}",
                                    request.state == RollbackData::keep ? "; data is kept" : "")});
  return plan_next_state(next, snapshot, identity);
}

}  // namespace ployz

#include <algorithm>
#include <format>

#include "plan/carry_over.h"
#include "plan/participants.h"
#include "plan/planners.h"

namespace ployz {
namespace {

template <class Name>
BranchMode mode_of(const std::map<Name, BranchMode>& modes, const Name& name, BranchMode fallback) {
  const auto found = modes.find(name);
  return found == modes.end() ? fallback : found->second;
}

// A name that is not there is a typing error, and the branch would be another than was meant.
Status check_names(const BranchRequest& request, const Commit& source) {
  for (const auto& [name, mode] : request.services) TRY(service_of(source, name));
  for (const auto& [name, mode] : request.volumes) TRY(volume_of(source, name));
  return {};
}

// Routes and published ports stay the source's alone; the branch has its own names (product.md).
Service branched(const CommittedService& committed, BranchMode mode) {
  Service service = committed.service;
  service.routes.clear();
  service.publish.clear();
  if (mode == BranchMode::fresh) service.container.image_id.clear();
  return service;
}

}  // namespace

Result<Plan> plan_branch(const BranchRequest& request, const Snapshot& snapshot,
                         const PlanIdentity& identity) {
  const Commit& source = *TRY(living(snapshot, request.source));
  if (request.source == request.target) {
    return fail(Code::invalid, "a namespace cannot be a branch of itself");
  }
  TRY(check_names(request, source));
  if (const Commit* target = live_commit(snapshot, request.target)) {
    if (target->kind == CommitKind::branch && target->from &&
        target->from->name_space == request.source) {
      return already("branch", *newest_entry(snapshot, request.target),
                     std::format("is a branch of {} already", request.source.str()));
    }
    return fail(Code::exists, std::format("namespace {} exists already", request.target.str()),
                std::format("take another name, or remove it: ployzctl namespace rm {}",
                            request.target.str()));
  }

  NextState next;
  next.plan_kind = "branch";
  next.commit_kind = CommitKind::branch;
  next.name_space = request.target;
  next.from = CommitOrigin{request.source, source.id};
  for (const CommittedService& committed : source.services) {
    const BranchMode mode = mode_of(request.services, committed.service.name, request.service_mode);
    next.services.push_back(branched(committed, mode));
  }
  std::vector<VolumeName> forked;
  for (const CommittedVolume& volume : source.volumes) {
    WantedVolume wanted{volume.spec, {}};
    const BranchMode mode = mode_of(request.volumes, volume.spec.name, request.volume_mode);
    if (mode == BranchMode::branch) {
      wanted.source = fork_of(volume, "from " + request.source.str());
      forked.push_back(volume.spec.name);
    } else {
      // A removed namespace of this name may have left a volume: that is not where a branch starts.
      wanted.source.kind = VolumeSource::Kind::empty;
    }
    next.volumes.push_back(std::move(wanted));
  }
  next.paused = paused_for(source, forked, request.consistency, snapshot);
  next.manifest_digest = digest_of(next);
  next.notes.push_back({Change::Kind::keep, "namespace " + request.source.str(),
                        next.paused.empty()
                            ? std::string("goes on unchanged")
                            : std::format("{} instances are paused for the moment of the snapshots",
                                          next.paused.size())});
  return plan_next_state(next, snapshot, identity);
}

Result<Plan> plan_fork_volume(const ForkVolumeRequest& request, const Snapshot& snapshot,
                              const PlanIdentity& identity) {
  const Commit& source = *TRY(living(snapshot, request.source));
  const CommittedVolume* volume = TRY(volume_of(source, request.volume));
  const Commit* target = live_commit(snapshot, request.target);
  if (target != nullptr && target->volume(request.new_name) != nullptr) {
    return fail(Code::exists, std::format("namespace {} has a volume {} already",
                                          request.target.str(), request.new_name.str()),
                "take another name");
  }
  NextState next;
  if (target != nullptr) next = as_it_is(*target, "fork_volume", CommitKind::fork);
  next.plan_kind = "fork_volume";
  next.commit_kind = CommitKind::fork;
  next.name_space = request.target;
  next.from = CommitOrigin{request.source, source.id};
  WantedVolume wanted{volume->spec, {}};
  wanted.spec.name = request.new_name;
  wanted.source =
      fork_of(*volume, std::format("from {}/{}", request.source.str(), request.volume.str()));
  next.volumes.push_back(std::move(wanted));
  next.paused = paused_for(source, {request.volume}, request.consistency, snapshot);
  next.manifest_digest = digest_of(next);
  return plan_next_state(next, snapshot, identity);
}

}  // namespace ployz

#include "plan/deploy.h"

#include <algorithm>
#include <format>

#include "plan/carry_over.h"
#include "plan/participants.h"
#include "plan/planners.h"

namespace ployz {
namespace {

// The manifest as if it named the whole namespace: what the commit's digest is of.
Manifest whole_manifest(const DeployRequest& request, const Commit* previous) {
  Manifest whole = request.manifest;
  if (!request.whole_namespace && previous != nullptr) {
    for (const CommittedService& committed : previous->services) {
      if (std::ranges::contains(whole.services, committed.service.name, &Service::name)) continue;
      Service service = committed.service;
      service.container.image_id.clear();
      whole.services.push_back(std::move(service));
    }
    for (const CommittedVolume& volume : previous->volumes) {
      if (std::ranges::contains(whole.volumes, volume.spec.name, &VolumeSpec::name)) continue;
      whole.volumes.push_back(volume.spec);
    }
  }
  std::ranges::sort(whole.services, {}, &Service::name);
  std::ranges::sort(whole.volumes, {}, &VolumeSpec::name);
  return whole;
}

// An earlier commit that was made from this very manifest; nullptr: there is none, or the newest was.
const Commit* earlier_of(const std::string& digest, const Snapshot& snapshot,
                         const NamespaceName& name) {
  const auto history = snapshot.history.find(name);
  if (history == snapshot.history.end()) return nullptr;
  for (size_t i = 0; i < history->second.size(); ++i) {
    const Commit& commit = history->second[i].commit;
    if (commit.removed) return nullptr;  // it begins anew, with the data that was left
    if (commit.manifest_digest != digest) continue;
    return i == 0 ? nullptr : &commit;
  }
  return nullptr;
}

// Going back to an earlier manifest may mean its data too: that is somebody's decision.
std::unexpected<Error> undecided(const NamespaceName& name, const Commit& earlier) {
  return fail(
      Code::precondition,
      std::format("this manifest is that of commit {}, and namespace {} has volumes: it may mean the "
                  "data of that time, or the data of now",
                  brief(earlier.id), name.str()),
      std::format("the data as it was left then: --state last; as when the commit was made: --state "
                  "commit; the data of now: --state keep (of commit {})",
                  earlier.id.str()));
}

Result<Plan> plan_manifest(const DeployRequest& request, const Snapshot& snapshot,
                           const PlanIdentity& identity) {
  const NamespaceName& name = request.manifest.name_space;
  const CommitEntry* entry = newest_entry(snapshot, name);
  const Commit* previous = entry == nullptr ? nullptr : &entry->commit;
  const Manifest whole = whole_manifest(request, previous);
  NextState next;
  next.plan_kind = "deploy";
  next.name_space = name;
  next.manifest_digest = manifest_digest(whole);
  if (previous != nullptr && !previous->volumes.empty()) {
    const Commit* earlier = earlier_of(next.manifest_digest, snapshot, name);
    if (earlier != nullptr && !request.state) return undecided(name, *earlier);
    if (earlier != nullptr) {
      return plan_rollback({name, earlier->id.str(), *request.state}, snapshot, identity);
    }
  }
  next.services = whole.services;
  for (const VolumeSpec& spec : whole.volumes) next.volumes.push_back({spec, {}});
  for (Service& service : next.services) {
    if (std::ranges::contains(request.manifest.services, service.name, &Service::name)) continue;
    next.untouched.insert(service.name);
  }
  return plan_next_state(next, snapshot, identity);
}

}  // namespace

Result<Plan> plan_deploy(const DeployRequest& request, const Snapshot& snapshot,
                         const PlanIdentity& identity) {
  const Manifest& manifest = request.manifest;
  if (manifest.promote) {
    return plan_promote({manifest.promote->from, manifest.name_space, manifest.promote->volumes, {}},
                        manifest.services, snapshot, identity);
  }
  if (manifest.rollback) {
    return plan_rollback({manifest.name_space, manifest.rollback->to,
                          request.state.value_or(manifest.rollback->state)},
                         snapshot, identity);
  }
  return plan_manifest(request, snapshot, identity);
}

}  // namespace ployz

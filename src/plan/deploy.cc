#include "plan/deploy.h"

#include <algorithm>
#include <format>

#include "base/ulid.h"
#include "plan/changes.h"
#include "plan/conflicts.h"
#include "plan/layout.h"
#include "plan/participants.h"
#include "plan/steps.h"

namespace ployz {
namespace {

Status check_supported(const Manifest& manifest) {
  const auto later = [](std::string_view what) {
    return fail(Code::unsupported, std::format("this version of Ployz cannot do {} yet", what),
                "remove it from the manifest");
  };
  if (manifest.promote) return later("[promote]");
  if (manifest.rollback) return later("[rollback]");
  if (!manifest.volumes.empty()) return later("volumes");
  for (const Service& service : manifest.services) {
    if (!service.container.mounts.empty()) return later("mounts");
  }
  return {};
}

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
  }
  std::ranges::sort(whole.services, {}, &Service::name);
  return whole;
}

// A service that `deploy service` does not name: carried over unseen, not even its image is asked
// for.
ServiceLayout untouched(const CommittedService& committed) {
  ServiceLayout layout;
  layout.diff.service = committed.service;
  layout.diff.revision = committed.revision;
  layout.diff.previous = &committed;
  layout.diff.kept = committed.instances;
  return layout;
}

Result<std::vector<ServiceLayout>> lay_out_all(const DeployRequest& request, const Manifest& whole,
                                               const Commit* previous, const Snapshot& snapshot,
                                               SeededIds& ids, uint64_t seed) {
  LayoutBuilder builder(snapshot, ids, seed);
  std::vector<ServiceLayout> layouts;
  for (const Service& service : whole.services) {
    const CommittedService* old = previous == nullptr ? nullptr : previous->service(service.name);
    const bool named =
        std::ranges::contains(request.manifest.services, service.name, &Service::name);
    if (!named) {
      layouts.push_back(untouched(*old));
      continue;
    }
    layouts.push_back(TRY(builder.lay_out(service, old)));
  }
  if (previous != nullptr) {
    for (const CommittedService& committed : previous->services) {
      if (std::ranges::contains(whole.services, committed.service.name, &Service::name)) continue;
      layouts.push_back({TRY(diff_removed(committed, snapshot)), {}, {}});
    }
  }
  std::ranges::stable_sort(layouts, {},
                           [](const ServiceLayout& layout) { return layout.diff.service.name; });
  return layouts;
}

Commit next_commit(const std::vector<ServiceLayout>& layouts, const Plan& plan,
                   const Manifest& whole, const Snapshot& snapshot, const PlanIdentity& identity,
                   CommitId id) {
  Commit commit;
  commit.id = std::move(id);
  commit.name_space = plan.name_space;
  commit.operation = identity.operation;
  commit.kind = CommitKind::deploy;
  commit.parent_sequence = plan.expected_sequence;
  commit.created_at_ms = snapshot.now_ms;
  commit.manifest_digest = manifest_digest(whole);
  for (const ServiceLayout& layout : layouts) {
    if (auto committed = layout.committed()) commit.services.push_back(std::move(*committed));
  }
  return commit;
}

bool nothing_to_do(const std::vector<ServiceLayout>& layouts) {
  return std::ranges::all_of(layouts, [](const ServiceLayout& layout) {
    return layout.diff.kind == ServiceDiff::Kind::keep;
  });
}

}  // namespace

Result<Plan> plan_deploy(const DeployRequest& request, const Snapshot& snapshot,
                         const PlanIdentity& identity) {
  TRY(check_supported(request.manifest));
  Plan plan;
  plan.kind = "deploy";
  plan.name_space = request.manifest.name_space;
  const CommitEntry* entry = newest_entry(snapshot, plan.name_space);
  const Commit* previous = live_commit(snapshot, plan.name_space);
  if (entry != nullptr) plan.expected_sequence = entry->sequence;

  const Manifest whole = whole_manifest(request, previous);
  TRY(check_conflicts(plan.name_space, whole.services, previous, snapshot));
  SeededIds ids(snapshot.now_ms, identity.seed);
  CommitId commit_id(ids.next());
  const auto layouts = TRY(lay_out_all(request, whole, previous, snapshot, ids, identity.seed));
  plan.changes = describe_changes(layouts, snapshot);
  if (previous != nullptr && nothing_to_do(layouts)) return plan;

  const auto participants = TRY(router_participants(snapshot));
  std::ranges::copy(describe_silent(snapshot), std::back_inserter(plan.changes));
  plan.commit = next_commit(layouts, plan, whole, snapshot, identity, std::move(commit_id));
  add_steps(plan, layouts, participants, previous);
  TRY(validate(plan));
  return plan;
}

}  // namespace ployz

#include "plan/next_state.h"

#include <algorithm>
#include <format>

#include "base/ulid.h"
#include "plan/changes.h"
#include "plan/conflicts.h"
#include "plan/layout.h"
#include "plan/participants.h"
#include "plan/steps.h"
#include "plan/volume_layout.h"

namespace ployz {
namespace {

// A service that is carried over unseen: not even its image is asked for.
ServiceLayout untouched(const CommittedService& committed, bool forgets_the_lost,
                        const Snapshot& snapshot) {
  ServiceLayout layout;
  layout.diff.service = committed.service;
  layout.diff.revision = committed.revision;
  layout.diff.previous = &committed;
  layout.diff.kept = committed.instances;
  if (!forgets_the_lost) return layout;
  std::erase_if(layout.diff.kept, [&](const CommittedInstance& instance) {
    if (find_machine(snapshot, instance.machine) != nullptr) return false;
    layout.diff.gone.push_back({instance, "its machine left the network", false, false});
    return true;
  });
  if (!layout.diff.gone.empty()) layout.diff.kind = ServiceDiff::Kind::scale;
  return layout;
}

Result<ServiceWish> wish_for(const NextState& next, const Service& service,
                             const VolumeLayouts& volumes, const Snapshot& snapshot) {
  ServiceWish wish;
  wish.volumes = !service.container.mounts.empty();
  wish.replace = volumes.replaces(service);
  wish.home = TRY(volumes.home_of(service));
  wish.why = "where its volumes are";
  if (next.left) wish.left = find_machine(snapshot, *next.left);
  const auto moved = next.moved.find(service.name);
  if (moved != next.moved.end()) {
    wish.home = find_machine(snapshot, moved->second);
    wish.why = "as asked";
  }
  return wish;
}

// A machine where all instances stand, or will.
const Machine* stands_on(const ServiceLayout& layout, const Snapshot& snapshot) {
  if (!layout.added.empty()) return find_machine(snapshot, layout.added.front().instance.machine);
  if (!layout.diff.kept.empty()) return find_machine(snapshot, layout.diff.kept.front().machine);
  return nullptr;
}

bool mounts_changing(const Service& service, const VolumeLayouts& volumes) {
  return std::ranges::any_of(volumes.all(), [&](const VolumeLayout& volume) {
    return volume.changes() && volume.previous != nullptr && mounts(service, volume.name());
  });
}

// Old instances stop first where two at once would be wrong: the manifest says so, they would fight
// over ports, or the old ones would write to data that the commit leaves behind.
bool stops_first(const ServiceLayout& layout, const VolumeLayouts& volumes) {
  const ServiceDiff& diff = layout.diff;
  const bool had = diff.previous != nullptr && mounts_changing(diff.previous->service, volumes);
  if (diff.kind == ServiceDiff::Kind::remove) return had;
  if (layout.added.empty()) return false;
  // Also when nothing of it runs now: its data is there only when all others have stopped.
  if (had || mounts_changing(diff.service, volumes)) return true;
  return !diff.gone.empty() && effective_rollout(diff.service) == Rollout::recreate;
}

Result<std::vector<ServiceLayout>> lay_out_all(const NextState& next, const Commit* previous,
                                               const Snapshot& snapshot, SeededIds& ids,
                                               uint64_t seed, VolumeLayouts& volumes) {
  LayoutBuilder builder(snapshot, ids, seed);
  std::vector<ServiceLayout> layouts;
  for (const Service& service : next.services) {
    const CommittedService* old = previous == nullptr ? nullptr : previous->service(service.name);
    const ServiceWish wish = TRY(wish_for(next, service, volumes, snapshot));
    if (next.untouched.contains(service.name) && old != nullptr && wish.replace.empty()) {
      layouts.push_back(untouched(*old, next.forgets_the_lost, snapshot));
      continue;
    }
    layouts.push_back(TRY(builder.lay_out(service, old, wish)));
    if (const Machine* home = stands_on(layouts.back(), snapshot); home != nullptr && wish.volumes) {
      TRY(volumes.settle(service, *home));
    }
  }
  if (previous != nullptr) {
    for (const CommittedService& committed : previous->services) {
      if (std::ranges::contains(next.services, committed.service.name, &Service::name)) continue;
      layouts.push_back({TRY(diff_removed(committed, snapshot)), {}, {}});
    }
  }
  std::ranges::stable_sort(layouts, {},
                           [](const ServiceLayout& layout) { return layout.diff.service.name; });
  TRY(volumes.finish(layouts));
  for (ServiceLayout& layout : layouts) layout.stop_first = stops_first(layout, volumes);
  return layouts;
}

Commit next_commit(const NextState& next, const std::vector<ServiceLayout>& layouts,
                   const VolumeLayouts& volumes, const Snapshot& snapshot,
                   const PlanIdentity& identity, uint64_t parent, CommitId id) {
  Commit commit;
  commit.id = std::move(id);
  commit.name_space = next.name_space;
  commit.operation = identity.operation;
  commit.kind = next.commit_kind;
  commit.parent_sequence = parent;
  commit.created_at_ms = snapshot.now_ms;
  commit.manifest_digest = next.manifest_digest;
  commit.from = next.from;
  for (const ServiceLayout& layout : layouts) {
    if (auto committed = layout.committed()) commit.services.push_back(std::move(*committed));
  }
  for (const VolumeLayout& volume : volumes.all()) commit.volumes.push_back(volume.next);
  return commit;
}

bool nothing_to_do(const std::vector<ServiceLayout>& layouts) {
  return std::ranges::all_of(layouts, [](const ServiceLayout& layout) {
    return layout.diff.kind == ServiceDiff::Kind::keep;
  });
}

}  // namespace

Result<Plan> plan_next_state(const NextState& next, const Snapshot& snapshot,
                             const PlanIdentity& identity) {
  Plan plan;
  plan.kind = next.plan_kind;
  plan.name_space = next.name_space;
  const CommitEntry* entry = newest_entry(snapshot, plan.name_space);
  // A removed namespace has no services, but it may still have volumes.
  const Commit* previous = entry == nullptr ? nullptr : &entry->commit;
  if (entry != nullptr) plan.expected_sequence = entry->sequence;
  TRY(check_conflicts(plan.name_space, next.services, previous, snapshot));

  SeededIds ids(snapshot.now_ms, identity.seed);
  CommitId commit_id(ids.next());
  VolumeLayouts volumes = TRY(VolumeLayouts::begin(next, previous, snapshot, ids));
  const auto layouts =
      TRY(lay_out_all(next, previous, snapshot, ids, identity.seed, volumes));
  plan.changes = describe_changes(layouts, snapshot);
  std::ranges::copy(describe_volumes(volumes.all(), snapshot), std::back_inserter(plan.changes));
  std::ranges::copy(next.notes, std::back_inserter(plan.changes));
  const bool same = previous != nullptr && !previous->removed && nothing_to_do(layouts) &&
                    !volumes.any_change();
  if (same && !next.always_commit) return plan;

  const auto participants = TRY(router_participants(snapshot));
  std::ranges::copy(describe_silent(snapshot), std::back_inserter(plan.changes));
  plan.commit = next_commit(next, layouts, volumes, snapshot, identity, plan.expected_sequence,
                            std::move(commit_id));
  add_steps(plan, layouts, volumes, next, participants, previous);
  TRY(validate(plan));
  return plan;
}

}  // namespace ployz

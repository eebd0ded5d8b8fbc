#include <format>

#include "base/ulid.h"
#include "plan/changes.h"
#include "plan/deploy.h"
#include "plan/layout.h"
#include "plan/participants.h"
#include "plan/steps.h"

namespace ployz {

Result<Plan> plan_namespace_rm(const NamespaceRmRequest& request, const Snapshot& snapshot,
                               const PlanIdentity& identity) {
  const Commit* previous = live_commit(snapshot, request.name_space);
  if (previous == nullptr) {
    const bool existed = newest_entry(snapshot, request.name_space) != nullptr;
    return fail(Code::not_found,
                std::format("namespace {} {}", request.name_space.str(),
                            existed ? "is removed already" : "does not exist"),
                "list the namespaces with: ployzctl namespace ls");
  }
  if (!previous->volumes.empty()) {
    return fail(Code::unsupported,
                std::format("namespace {} has volumes, which this version cannot remove",
                            request.name_space.str()));
  }
  Plan plan;
  plan.kind = "namespace_rm";
  plan.name_space = request.name_space;
  plan.expected_sequence = newest_entry(snapshot, request.name_space)->sequence;
  std::vector<ServiceLayout> layouts;
  for (const CommittedService& committed : previous->services) {
    layouts.push_back({TRY(diff_removed(committed, snapshot)), {}, {}});
  }
  plan.changes = describe_changes(layouts, snapshot);
  const auto participants = TRY(router_participants(snapshot));
  for (Change& change : describe_silent(snapshot)) plan.changes.push_back(std::move(change));

  Commit commit;
  commit.id = CommitId(SeededIds(snapshot.now_ms, identity.seed).next());
  commit.name_space = plan.name_space;
  commit.operation = identity.operation;
  commit.kind = CommitKind::remove;
  commit.parent_sequence = plan.expected_sequence;
  commit.created_at_ms = snapshot.now_ms;
  commit.removed = true;
  plan.commit = std::move(commit);
  for (const Machine* machine : participants)
    plan.claims.push_back({machine->id, {}, {}, {}, {}, true});
  add_cleanup(plan, layouts, participants);
  TRY(validate(plan));
  return plan;
}

}  // namespace ployz

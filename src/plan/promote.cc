#include <algorithm>
#include <format>

#include "plan/carry_over.h"
#include "plan/participants.h"
#include "plan/planners.h"

namespace ployz {
namespace {

// The branch's container in the target's place.
Service promoted(const CommittedService& branch, const Service* own) {
  Service service = branch.service;
  service.routes.clear();
  service.publish.clear();
  service.placement.machines.clear();
  if (own == nullptr) return service;
  service.placement = own->placement;
  service.routes = own->routes;
  service.publish = own->publish;
  // A route or probe of the target that names a port which the branch has not any more is refused by
  // validation, which says so.
  return service;
}

const Service* own_service(const std::vector<Service>& routes, const Commit* target,
                           const ServiceName& name) {
  const auto written = std::ranges::find(routes, name, &Service::name);
  if (written != routes.end()) return &*written;
  const CommittedService* committed = target == nullptr ? nullptr : target->service(name);
  return committed == nullptr ? nullptr : &committed->service;
}

Status check_routes(const NextState& next) {
  for (const Service& service : next.services) {
    for (const Route& route : service.routes) {
      if (service.port(route.port) != nullptr) continue;
      return fail(Code::precondition,
                  std::format("{} is routed to port {} of service {}, which the branch does not have",
                              route.hostnames.empty() ? "a name" : route.hostnames.front(),
                              route.port, service.name.str()),
                  "deploy the target with other routes first, or the branch with the port");
    }
  }
  return {};
}

}  // namespace

Result<Plan> plan_promote(const PromoteRequest& request, const std::vector<Service>& routes,
                          const Snapshot& snapshot, const PlanIdentity& identity) {
  const Commit& branch = *TRY(living(snapshot, request.from));
  if (request.from == request.target) {
    return fail(Code::invalid, "a namespace cannot be promoted into itself");
  }
  for (const auto& [name, data] : request.volumes) TRY(volume_of(branch, name));
  const Commit* target = live_commit(snapshot, request.target);
  const CommitEntry* entry = newest_entry(snapshot, request.target);

  NextState next;
  next.plan_kind = "promote";
  next.commit_kind = CommitKind::promote;
  next.name_space = request.target;
  next.from = CommitOrigin{request.from, branch.id};
  for (const CommittedService& committed : branch.services) {
    next.services.push_back(
        promoted(committed, own_service(routes, target, committed.service.name)));
  }
  TRY(check_routes(next));
  std::vector<VolumeName> taken;
  for (const CommittedVolume& volume : branch.volumes) {
    WantedVolume wanted{volume.spec, {}};
    const auto asked = request.volumes.find(volume.spec.name);
    const bool has_own = entry != nullptr && entry->commit.volume(volume.spec.name) != nullptr;
    const bool take = asked == request.volumes.end() ? !has_own : asked->second == PromoteData::take;
    if (take) {
      wanted.source = fork_of(volume, "from " + request.from.str());
      taken.push_back(volume.spec.name);
    }
    next.volumes.push_back(std::move(wanted));
  }
  next.paused = paused_for(branch, taken, request.consistency, snapshot);
  next.manifest_digest = digest_of(next);
  // The same command again: the branch has not moved since, so its data need not be taken twice.
  if (target != nullptr && target->kind == CommitKind::promote && target->from == next.from) {
    for (WantedVolume& wanted : next.volumes) wanted.source = {};
  }
  return plan_next_state(next, snapshot, identity);
}

}  // namespace ployz

#include "engine/planning.h"

#include <set>

#include "plan/deploy.h"

namespace ployz {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

std::vector<std::string> images_of(const Request& request) {
  std::set<std::string> images;
  if (const auto* deploy = std::get_if<DeployRequest>(&request)) {
    for (const Service& service : deploy->manifest.services) images.insert(service.container.image);
  }
  return {images.begin(), images.end()};
}

}  // namespace

std::string_view kind_of(const Request& request) {
  return std::holds_alternative<DeployRequest>(request) ? "deploy" : "namespace_rm";
}

const NamespaceName& namespace_of(const Request& request) {
  return std::visit(
      Overloaded{
          [](const DeployRequest& deploy) -> const NamespaceName& {
            return deploy.manifest.name_space;
          },
          [](const NamespaceRmRequest& rm) -> const NamespaceName& { return rm.name_space; },
      },
      request);
}

Result<PlanAndSnapshot> plan_now(const EngineConfig& config, const Engine::Ports& ports,
                                 const Request& request, const OperationId& operation) {
  ReadSnapshot read = TRY(read_snapshot(config, ports, images_of(request)));
  if (const auto bad = read.unreadable.find(namespace_of(request)); bad != read.unreadable.end()) {
    return fail(bad->second);
  }
  const PlanIdentity identity{operation, ports.entropy.next_u64()};
  auto plan = std::visit(
      Overloaded{
          [&](const DeployRequest& deploy) { return plan_deploy(deploy, read.snapshot, identity); },
          [&](const NamespaceRmRequest& rm) {
            return plan_namespace_rm(rm, read.snapshot, identity);
          },
      },
      request);
  return PlanAndSnapshot{TRY(std::move(plan)), std::move(read.snapshot.machines),
                         std::move(read.notes)};
}

Status make_plan(Session& session, const Request& request) {
  PlanAndSnapshot made = TRY(plan_now(session.config, session.ports, request, session.op.id));
  session.op.plan = std::move(made.plan);
  session.know(made.machines);
  for (std::string& note : made.notes) session.emit(Event::Kind::note, std::move(note));
  return {};
}

}  // namespace ployz

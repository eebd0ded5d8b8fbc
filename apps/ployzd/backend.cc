#include "backend.h"

#include <algorithm>
#include <format>

#include <spdlog/spdlog.h>

#include "base/version.h"
#include "reports.h"

namespace ployz {
namespace {

constexpr size_t kStatusOperations = 200;   // how far back `status` looks for unfinished ones
constexpr size_t kShowHistory = 1000;       // commits per namespace `show` searches
constexpr auto kPingTimeout = std::chrono::seconds(2);

ComponentReport component(std::string name, const Status& status, std::string detail = "") {
  if (status) return {std::move(name), true, std::move(detail)};
  return {std::move(name), false, status.error().line()};
}

Status as_status(auto&& result) {
  if (result) return {};
  return fail(std::forward<decltype(result)>(result).error());
}

Result<CommitEntry> decode(const StoredCommit& stored) {
  auto commit = decode_commit(stored.bytes);
  if (!commit) {
    return fail(std::move(commit).error().at(
        std::format("commit {} of {}", stored.sequence, stored.name_space.str())));
  }
  return CommitEntry{stored.sequence, *std::move(commit)};
}

std::vector<ComponentReport> components_of(Member& member, const LocalDrivers& drivers) {
  const MachineId self = member.identity().machine.id;
  std::vector<ComponentReport> components;
  components.push_back(component("store", as_status(member.records().get(Bucket::meta, "epoch")),
                                 std::format("epoch {}", member.identity().epoch)));
  components.push_back(component(
      "router",
      as_status(member.rpc().call({self, Target::router, "ping"}, Json::object(), kPingTimeout))));
  for (const auto& [name, service] : {std::pair{"gateway", unit::kHaproxy}, {"dns", unit::kKnot}}) {
    const auto status = drivers.units.status(service);
    components.push_back(
        {name, status && status->active_state == "active",
         status ? std::format("{} {}", service, status->active_state) : status.error().line()});
  }
  return components;
}

}  // namespace

Result<StatusReport> Backend::status() {
  StatusReport report;
  report.version = version();
  report.started_at_ms = node_.started_at_ms();
  report.components.push_back(component("containers", as_status(node_.drivers().containers.list())));
  const auto member = node_.member();
  if (!member) return report;
  report.network = (*member)->identity().network;
  report.machine = (*member)->identity().machine;
  std::ranges::move(components_of(**member, node_.drivers()),
                    std::back_inserter(report.components));
  if (const auto all = namespaces()) report.namespaces = all->size();
  if (const auto all = instances({})) report.instances = all->size();
  if (const auto operations = (*member)->engine().operations(kStatusOperations)) {
    for (const Operation& operation : *operations) {
      if (!operation.ended()) report.unfinished.push_back(operation.id);
    }
  }
  return report;
}

Result<MeshReport> Backend::mesh_init(const MeshInitRequest& request, const EventSink& events) {
  const auto progress = [&](std::string text) {
    events(Event{{}, node_.drivers().clock.wall_ms(), Phase::apply, Event::Kind::note,
                 std::move(text)});
  };
  const bool created = TRY(node_.found_network(request.name, progress));
  MeshReport report = TRY(mesh());
  report.created = created;
  return report;
}

Result<MeshReport> Backend::mesh() {
  const auto member = TRY(node_.member());
  const Config& config = node_.config();
  MeshReport report;
  report.name = member->identity().network;
  report.cluster_cidr = config.cluster_cidr;
  report.cluster_domain = config.cluster_domain;
  report.gateway_domain = config.gateway_domain;
  report.gateway_address =
      std::format("{}:{}", config.gateway_listen_addr.host, config.gateway_listen_addr.port);
  report.epoch = member->identity().epoch;
  if (const auto records = member->records().list(Bucket::machines)) {
    report.machines = records->size();
    report.store_machines = 1;
  }
  for (const ComponentReport& part : components_of(*member, node_.drivers())) {
    if (!part.healthy) report.not_ready.push_back(part.name + ": " + part.detail);
  }
  return report;
}

Result<std::vector<MachineReport>> Backend::machines() {
  const auto member = TRY(node_.member());
  const Snapshot snapshot = TRY(member->engine().snapshot({}));
  std::vector<MachineReport> reports;
  for (const Machine& machine : snapshot.machines) {
    MachineReport report{machine, machine.id == member->identity().machine.id, {}, {}, 0};
    if (const auto facts = snapshot.facts.find(machine.id); facts != snapshot.facts.end()) {
      report.facts = facts->second;
    }
    if (const auto silent = snapshot.silent.find(machine.id); silent != snapshot.silent.end()) {
      report.silent = silent->second;
    }
    reports.push_back(std::move(report));
  }
  std::ranges::sort(reports, {}, [](const MachineReport& report) { return report.machine.name; });
  return reports;
}

Result<Plan> Backend::deploy_preview(const DeployRequest& request) {
  return TRY(node_.member())->engine().preview(request);
}

Result<Operation> Backend::deploy(const DeployRequest& request, const EventSink& events,
                                  std::stop_token cancel) {
  return TRY(node_.member())->engine().run(request, events, std::move(cancel));
}

Result<Plan> Backend::namespace_rm_preview(const NamespaceRmRequest& request) {
  return TRY(node_.member())->engine().preview(request);
}

Result<Operation> Backend::namespace_rm(const NamespaceRmRequest& request, const EventSink& events,
                                        std::stop_token cancel) {
  return TRY(node_.member())->engine().run(request, events, std::move(cancel));
}

Result<std::vector<NamespaceReport>> Backend::namespaces() {
  const auto member = TRY(node_.member());
  std::vector<NamespaceReport> reports;
  for (const StoredCommit& stored : TRY(member->commits().newest_of_all())) {
    const auto entry = decode(stored);
    // One that does not parse hides no other; asking for it by name says what is wrong.
    if (!entry) {
      spdlog::warn("{}", entry.error().line());
    } else if (!entry->commit.removed) {
      reports.push_back(namespace_report(*entry, cluster_config(node_.config())));
    }
  }
  std::ranges::sort(reports, {}, [](const NamespaceReport& report) {
    return report.newest.commit.name_space;
  });
  return reports;
}

Result<NamespaceReport> Backend::namespace_inspect(const NamespaceName& name) {
  const auto member = TRY(node_.member());
  const auto stored = TRY(member->commits().newest(name));
  if (stored) {
    const CommitEntry entry = TRY(decode(*stored));
    if (!entry.commit.removed) return namespace_report(entry, cluster_config(node_.config()));
  }
  return fail(Code::not_found, std::format("there is no namespace {}", name.str()),
              "list them: ployzctl namespace ls");
}

Result<std::vector<CommitEntry>> Backend::log(const NamespaceName& name, size_t limit) {
  const auto member = TRY(node_.member());
  std::vector<CommitEntry> entries;
  for (const StoredCommit& stored : TRY(member->commits().history(name, limit))) {
    CommitEntry entry = TRY(decode(stored));
    if (entry.commit.kind != CommitKind::fence) entries.push_back(std::move(entry));
  }
  if (!entries.empty()) return entries;
  return fail(Code::not_found, std::format("there is no namespace {}", name.str()),
              "list them: ployzctl namespace ls");
}

Result<CommitEntry> Backend::show(std::string_view id_or_prefix) {
  const auto member = TRY(node_.member());
  std::vector<CommitEntry> matches;
  for (const StoredCommit& newest : TRY(member->commits().newest_of_all())) {
    for (const StoredCommit& stored :
         TRY(member->commits().history(newest.name_space, kShowHistory))) {
      auto entry = decode(stored);
      if (entry && entry->commit.id.str().starts_with(id_or_prefix)) {
        matches.push_back(*std::move(entry));
      }
    }
  }
  if (matches.size() == 1) return std::move(matches.front());
  if (matches.empty()) {
    return fail(Code::not_found, std::format("no commit begins with '{}'", id_or_prefix),
                "list commits: ployzctl log NAMESPACE");
  }
  std::string names;
  for (const CommitEntry& entry : matches) names += ' ' + entry.commit.id.str();
  return fail(Code::conflict,
              std::format("{} commits begin with '{}'", matches.size(), id_or_prefix),
              "one of:" + names);
}

Result<std::vector<InstanceReport>> Backend::instances(const NamespaceName& name) {
  const Snapshot snapshot = TRY(TRY(node_.member())->engine().snapshot({}));
  return instance_reports(snapshot, name);
}

Result<std::vector<Operation>> Backend::operations(size_t limit) {
  return TRY(node_.member())->engine().operations(limit);
}

Result<Operation> Backend::operation(const OperationId& id) {
  return TRY(node_.member())->engine().operation(id);
}

Result<Operation> Backend::resume(const OperationId& id, const EventSink& events,
                                  std::stop_token cancel) {
  return TRY(node_.member())->engine().resume(id, events, std::move(cancel));
}

Result<Operation> Backend::abort(const OperationId& id, const EventSink& events) {
  return TRY(node_.member())->engine().abort(id, events);
}

}  // namespace ployz

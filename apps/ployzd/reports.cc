#include "reports.h"

#include <algorithm>
#include <format>
#include <tuple>

namespace ployz {
namespace {

const Machine* machine_by_id(const Snapshot& snapshot, const MachineId& id) {
  const auto it = std::ranges::find(snapshot.machines, id, &Machine::id);
  return it == snapshot.machines.end() ? nullptr : &*it;
}

const FoundInstance* found(const Snapshot& snapshot, const CommittedInstance& instance) {
  const auto facts = snapshot.facts.find(instance.machine);
  if (facts == snapshot.facts.end()) return nullptr;
  const auto it = std::ranges::find(facts->second.instances, instance.id, &FoundInstance::id);
  return it == facts->second.instances.end() ? nullptr : &*it;
}

InstanceReport committed_report(const Snapshot& snapshot, const Commit& commit,
                                const CommittedService& service,
                                const CommittedInstance& instance) {
  InstanceReport report;
  report.found.id = instance.id;
  report.found.name_space = commit.name_space;
  report.found.service = service.service.name;
  report.found.revision = service.revision;
  report.found.operation = commit.operation;
  report.found.address = instance.address;
  if (const FoundInstance* live = found(snapshot, instance)) report.found = *live;
  report.machine = instance.machine;
  const Machine* machine = machine_by_id(snapshot, instance.machine);
  report.machine_name = machine ? machine->name : instance.machine.str();
  report.image = service.service.container.image;
  report.committed = true;
  return report;
}

}  // namespace

std::vector<EndpointReport> endpoints_of(const Commit& commit, const ClusterConfig& config) {
  std::vector<EndpointReport> endpoints;
  for (const CommittedService& committed : commit.services) {
    const Service& service = committed.service;
    const auto add = [&](std::string kind, std::string where) {
      endpoints.push_back({std::move(kind), service.name, std::move(where)});
    };
    for (const Route& route : service.routes) {
      for (const std::string& hostname : route.hostnames) {
        add("http", hostname + (route.path_prefix == "/" ? "" : route.path_prefix));
      }
    }
    const bool has_tcp = std::ranges::any_of(service.container.ports, [](const Port& port) {
      return port.protocol == Protocol::tcp;
    });
    const std::string name =
        std::format("{}.{}", service.name.str(), commit.name_space.str());
    if (has_tcp) add("http", std::format("{}.{}", name, config.gateway_domain));
    for (const Publish& publish : service.publish) add("tcp", std::format(":{}", publish.host));
    if (service.container.network == NetworkMode::overlay) {
      add("dns", std::format("{}.{}", name, config.cluster_domain));
    }
  }
  return endpoints;
}

NamespaceReport namespace_report(const CommitEntry& newest, const ClusterConfig& config) {
  return {newest, endpoints_of(newest.commit, config)};
}

std::vector<InstanceReport> instance_reports(const Snapshot& snapshot, const NamespaceName& name) {
  std::vector<InstanceReport> reports;
  std::set<InstanceId> named;
  for (const auto& [name_space, entry] : snapshot.newest) {
    if (!name.empty() && name_space != name) continue;
    for (const CommittedService& service : entry.commit.services) {
      for (const CommittedInstance& instance : service.instances) {
        named.insert(instance.id);
        reports.push_back(committed_report(snapshot, entry.commit, service, instance));
      }
    }
  }
  for (const auto& [machine_id, facts] : snapshot.facts) {
    const Machine* machine = machine_by_id(snapshot, machine_id);
    for (const FoundInstance& live : facts.instances) {
      if (named.contains(live.id) || (!name.empty() && live.name_space != name)) continue;
      reports.push_back({live, machine_id, machine ? machine->name : machine_id.str(), "", false});
    }
  }
  std::ranges::sort(reports, {}, [](const InstanceReport& report) {
    return std::tie(report.found.name_space, report.found.service, report.found.id);
  });
  return reports;
}

}  // namespace ployz

#include "plan/changes.h"

#include <algorithm>
#include <format>
#include <set>

#include "base/digest.h"

namespace ployz {
namespace {

using Kind = ServiceDiff::Kind;

std::string instances(size_t count) {
  return std::format("{} instance{}", count, count == 1 ? "" : "s");
}

std::string image_text(const ContainerSpec& spec) {
  return std::format("image {} ({})", spec.image, short_digest(spec.image_id));
}

Change service_change(const ServiceLayout& layout) {
  const ServiceDiff& diff = layout.diff;
  const std::string resource = "service " + diff.service.name.str();
  const size_t after = diff.kept.size() + layout.added.size();
  const size_t before = diff.previous == nullptr ? 0 : diff.previous->instances.size();
  switch (diff.kind) {
    case Kind::create:
      return {Change::Kind::create, resource,
              std::format("{}, {}", image_text(diff.service.container), instances(after))};
    case Kind::replace: {
      const bool alone = effective_rollout(diff.service) == Rollout::recreate;
      return {Change::Kind::replace, resource,
              std::format("{}; {}", describe_difference(diff.previous->service, diff.service),
                          alone ? "recreate: stops before the new one starts" : "blue/green")};
    }
    case Kind::scale:
      return {Change::Kind::scale, resource, std::format("{} → {}", before, instances(after))};
    case Kind::repair:
      return {Change::Kind::replace, resource,
              std::format("same revision; {} of {} run as committed", diff.kept.size(), before)};
    case Kind::restart:
      return {Change::Kind::replace, resource, "same revision; " + diff.why};
    case Kind::settings:
      return {Change::Kind::scale, resource,
              "no instance changes; " + describe_difference(diff.previous->service, diff.service)};
    case Kind::remove:
      return {Change::Kind::remove, resource, instances(before)};
    case Kind::keep:
      break;
  }
  return {Change::Kind::keep, resource,
          std::format("{}, {}", image_text(diff.service.container), instances(after))};
}

// Said where a choice was made, so that nobody wonders why a machine stays empty.
void excluded_machines(const ServiceLayout& layout, std::vector<Change>& changes) {
  constexpr size_t kNamed = 8;
  if (layout.added.empty() || layout.excluded.empty()) return;
  std::string text = "not on: ";
  for (size_t i = 0; i < std::min(kNamed, layout.excluded.size()); ++i) {
    text += (i == 0 ? "" : "; ") + layout.excluded[i];
  }
  if (layout.excluded.size() > kNamed) {
    text += std::format("; and {} more", layout.excluded.size() - kNamed);
  }
  changes.push_back({Change::Kind::keep, "placement of " + layout.diff.service.name.str(), text});
}

void instance_changes(const ServiceLayout& layout, const Snapshot& snapshot,
                      std::vector<Change>& changes) {
  const ServiceName& service = layout.diff.service.name;
  for (const NewInstance& added : layout.added) {
    const CommittedInstance& instance = added.instance;
    changes.push_back(
        {Change::Kind::create,
         std::format("instance {} on {}", instance_label(service, instance.id),
                     machine_name(snapshot, instance.machine)),
         std::format("{}{}{}", instance.address.empty() ? "" : instance.address + ", ", added.why,
                     added.pull ? ", pulls the image" : "")});
  }
  for (const GoneInstance& gone : layout.diff.gone) {
    changes.push_back({Change::Kind::remove,
                       std::format("instance {} on {}", instance_label(service, gone.instance.id),
                                   machine_name(snapshot, gone.instance.machine)),
                       gone.why});
  }
}

// "route shop.example.com/api" → "port http (8080)".
std::map<std::string, std::string> routes_of(const Service& service) {
  std::map<std::string, std::string> routes;
  for (const Route& route : service.routes) {
    const Port* port = service.port(route.port);
    for (const std::string& hostname : route.hostnames) {
      const std::string path = route.path_prefix == "/" ? "" : route.path_prefix;
      routes[std::format("route {}{}", hostname, path)] =
          std::format("→ {}:{}", service.name.str(), port == nullptr ? 0 : port->container);
    }
  }
  for (const Publish& publish : service.publish) {
    routes[std::format("port {}", publish.host)] =
        std::format("→ {}:{}", service.name.str(), publish.container);
  }
  return routes;
}

void route_changes(const std::vector<ServiceLayout>& layouts, std::vector<Change>& changes) {
  std::map<std::string, std::string> before;
  std::map<std::string, std::string> after;
  for (const ServiceLayout& layout : layouts) {
    if (layout.diff.previous != nullptr) before.merge(routes_of(layout.diff.previous->service));
    if (layout.diff.kind != Kind::remove) after.merge(routes_of(layout.diff.service));
  }
  for (const auto& [route, target] : after) {
    const auto old = before.find(route);
    if (old == before.end()) {
      changes.push_back({Change::Kind::route, route, target});
    } else if (old->second != target) {
      changes.push_back(
          {Change::Kind::route, route, std::format("{} (was {})", target, old->second)});
    }
  }
  for (const auto& [route, target] : before) {
    if (!after.contains(route)) changes.push_back({Change::Kind::route, route, "removed"});
  }
}

}  // namespace

std::string instance_label(const ServiceName& service, const InstanceId& instance) {
  constexpr size_t kShown = 6;
  const std::string& id = instance.str();
  return service.str() + "-" + (id.size() > kShown ? id.substr(id.size() - kShown) : id);
}

std::vector<Change> describe_changes(const std::vector<ServiceLayout>& layouts,
                                     const Snapshot& snapshot) {
  std::vector<Change> changes;
  for (const ServiceLayout& layout : layouts) {
    changes.push_back(service_change(layout));
    instance_changes(layout, snapshot, changes);
    excluded_machines(layout, changes);
  }
  route_changes(layouts, changes);
  return changes;
}

std::vector<Change> describe_silent(const Snapshot& snapshot) {
  std::vector<Change> changes;
  for (const Machine& machine : snapshot.machines) {
    if (snapshot.facts.contains(machine.id)) continue;
    const auto silent = snapshot.silent.find(machine.id);
    changes.push_back(
        {Change::Kind::keep, "machine " + machine.name,
         std::format("does not answer and takes no part{}; it will serve the commit "
                     "as soon as it sees it",
                     silent == snapshot.silent.end() ? "" : " (" + silent->second.message + ")")});
  }
  return changes;
}

}  // namespace ployz

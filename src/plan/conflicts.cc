#include "plan/conflicts.h"

#include <algorithm>
#include <format>
#include <map>
#include <set>

namespace ployz {
namespace {

// Who claims what in the newest commits of the other namespaces.
struct Claims {
  std::map<std::string, std::string> hostnames;  // → "service web of namespace shop"
  std::map<uint16_t, std::string> ports;
};

std::string owner_text(const NamespaceName& name_space, const Service& service) {
  return std::format("service {} of namespace {}", service.name.str(), name_space.str());
}

Claims claims_of_others(const NamespaceName& self, const Snapshot& snapshot) {
  Claims claims;
  for (const auto& [name, entry] : snapshot.newest) {
    if (name == self) continue;
    for (const CommittedService& committed : entry.commit.services) {
      const std::string owner = owner_text(name, committed.service);
      for (const Route& route : committed.service.routes) {
        for (const std::string& hostname : route.hostnames) {
          claims.hostnames.try_emplace(hostname, owner);
        }
      }
      for (const Publish& publish : committed.service.publish) {
        claims.ports.try_emplace(publish.host, owner);
      }
    }
  }
  return claims;
}

Status check_hostnames(const Service& service, const Claims& others, const std::string& domain) {
  for (const Route& route : service.routes) {
    for (const std::string& hostname : route.hostnames) {
      if (hostname == domain || hostname.ends_with("." + domain)) {
        return fail(Code::precondition,
                    std::format("route {} of service {} lies in the gateway's own domain {}",
                                hostname, service.name.str(), domain),
                    "names below it are given to every service by itself; use another hostname");
      }
      if (const auto taken = others.hostnames.find(hostname); taken != others.hostnames.end()) {
        return fail(Code::precondition,
                    std::format("hostname {} is served by {}", hostname, taken->second),
                    "remove the route there first, or use another hostname");
      }
    }
  }
  return {};
}

Status check_port_free(uint16_t port, const Service& service, std::string_view what,
                       const Snapshot& snapshot) {
  for (const auto& [id, facts] : snapshot.facts) {
    if (!std::ranges::contains(facts.host_ports_in_use, port)) continue;
    const auto machine = std::ranges::find(snapshot.machines, id, &Machine::id);
    const std::string name = machine == snapshot.machines.end() ? id.str() : machine->name;
    return fail(Code::precondition,
                std::format("{} {} of service {} is in use on machine {}", what, port,
                            service.name.str(), name),
                std::format("see who listens: ss -ltnp 'sport = :{}'", port));
  }
  return {};
}

std::set<uint16_t> published_by(const Commit* previous) {
  std::set<uint16_t> ports;
  if (previous == nullptr) return ports;
  for (const CommittedService& committed : previous->services) {
    for (const Publish& publish : committed.service.publish) ports.insert(publish.host);
  }
  return ports;
}

Status check_ports(const Service& service, const Claims& others, const std::set<uint16_t>& ours,
                   const Snapshot& snapshot) {
  for (const Publish& publish : service.publish) {
    if (const auto taken = others.ports.find(publish.host); taken != others.ports.end()) {
      return fail(Code::precondition,
                  std::format("port {} is published by {}", publish.host, taken->second),
                  "publish another port, or remove it there first");
    }
    if (ours.contains(publish.host) || publish.host == snapshot.config.gateway_http_port) continue;
    TRY(check_port_free(publish.host, service, "published port", snapshot));
  }
  for (const uint16_t port : host_ports_of(service)) {
    if (const auto taken = others.ports.find(port); taken != others.ports.end()) {
      return fail(Code::precondition,
                  std::format("host port {} of service {} is published by {}", port,
                              service.name.str(), taken->second),
                  "use another port");
    }
  }
  return {};
}

Status check_within(const std::vector<Service>& services) {
  std::map<std::pair<std::string, std::string>, const Service*> routes;
  std::map<uint16_t, const Service*> ports;
  for (const Service& service : services) {
    const bool routed = !service.routes.empty() || !service.publish.empty();
    if (routed && service.container.network != NetworkMode::overlay) {
      return fail(Code::invalid,
                  std::format("service {} has routes or published ports but is not on the overlay "
                              "network",
                              service.name.str()),
                  "set network = \"overlay\" or remove them");
    }
    for (const Route& route : service.routes) {
      for (const std::string& hostname : route.hostnames) {
        const auto [at, fresh] = routes.try_emplace({hostname, route.path_prefix}, &service);
        if (fresh) continue;
        return fail(Code::invalid, std::format("services {} and {} both claim the route {}{}",
                                               at->second->name.str(), service.name.str(), hostname,
                                               route.path_prefix));
      }
    }
    for (const Publish& publish : service.publish) {
      const auto [at, fresh] = ports.try_emplace(publish.host, &service);
      if (fresh) continue;
      return fail(Code::invalid,
                  std::format("services {} and {} both publish port {}", at->second->name.str(),
                              service.name.str(), publish.host));
    }
  }
  return {};
}

}  // namespace

std::vector<uint16_t> host_ports_of(const Service& service) {
  std::vector<uint16_t> ports;
  if (service.container.network != NetworkMode::host) return ports;
  for (const Port& port : service.container.ports) {
    if (port.protocol == Protocol::tcp) ports.push_back(port.container);
  }
  return ports;
}

Status check_conflicts(const NamespaceName& name_space, const std::vector<Service>& services,
                       const Commit* previous, const Snapshot& snapshot) {
  TRY(check_within(services));
  const Claims others = claims_of_others(name_space, snapshot);
  const std::set<uint16_t> ours = published_by(previous);
  for (const Service& service : services) {
    TRY(check_hostnames(service, others, snapshot.config.gateway_domain));
    TRY(check_ports(service, others, ours, snapshot));
  }
  return {};
}

}  // namespace ployz

#include "router/projection.h"

#include <algorithm>
#include <format>
#include <optional>

#include "base/digest.h"

namespace ployz {
namespace {

// "/api/" and "/api" are one prefix.
std::string normal_prefix(std::string_view prefix) {
  while (prefix.size() > 1 && prefix.ends_with('/')) prefix.remove_suffix(1);
  return prefix.empty() ? "/" : std::string(prefix);
}

const Port* first_tcp_port(const Service& service) {
  const auto found = std::ranges::find(service.container.ports, Protocol::tcp, &Port::protocol);
  return found == service.container.ports.end() ? nullptr : &*found;
}

class Projector {
 public:
  explicit Projector(const ClusterConfig& config) : config_(config) {}

  void add(const CommitEntry& entry) {
    name_space_ = &entry.commit.name_space;
    result_.routes.sequences[*name_space_] = entry.sequence;
    if (entry.commit.removed) return;
    for (const CommittedService& committed : entry.commit.services) add_service(committed);
  }

  Projection take() {
    for (auto& [key, servers] : backends_) {
      result_.backends.push_back({key, std::move(servers)});
    }
    for (auto& [at, backend] : hosts_) {
      result_.routes.hosts.push_back({at.first, at.second, std::move(backend)});
    }
    return std::move(result_);
  }

 private:
  void add_service(const CommittedService& committed) {
    service_ = &committed;
    for (const Route& route : committed.service.routes) {
      const Port* port = committed.service.port(route.port);
      if (port == nullptr || port->protocol != Protocol::tcp) continue;
      for (const std::string& hostname : route.hostnames) {
        add_host(hostname, normal_prefix(route.path_prefix), port->container);
      }
    }
    if (const Port* port = first_tcp_port(committed.service)) {
      add_host(std::format("{}.{}.{}", committed.service.name.str(), name_space_->str(),
                           config_.gateway_domain),
               "/", port->container);
    }
    for (const Publish& publish : committed.service.publish) {
      if (publish.host == config_.gateway_http_port) {
        add_host("*", "/", publish.container);
      } else {
        add_port(publish);
      }
    }
    add_records();
  }

  void add_host(const std::string& hostname, std::string prefix, uint16_t port) {
    if (claims_.try_emplace(hostname, *name_space_).first->second != *name_space_) return;
    if (const auto key = backend(port, BackendMode::http)) {
      hosts_.try_emplace({hostname, std::move(prefix)}, *key);
    }
  }

  void add_port(const Publish& publish) {
    if (result_.routes.ports.contains(publish.host)) return;
    if (const auto key = backend(publish.container, BackendMode::tcp)) {
      result_.routes.ports.emplace(publish.host, *key);
    }
  }

  // Nullopt: the service has no instance with an address.
  std::optional<BackendKey> backend(uint16_t port, BackendMode mode) {
    std::vector<std::string> servers;
    for (const CommittedInstance& instance : service_->instances) {
      if (!instance.address.empty()) servers.push_back(std::format("{}:{}", instance.address, port));
    }
    if (servers.empty()) return std::nullopt;
    std::ranges::sort(servers);
    std::string joined;
    for (const std::string& server : servers) joined += server + "\n";
    BackendKey key{*name_space_, service_->service.name, port, mode,
                   short_digest(sha256_digest(joined))};
    backends_.try_emplace(key, std::move(servers));
    return key;
  }

  void add_records() {
    const std::string owner =
        std::format("{}.{}", service_->service.name.str(), name_space_->str());
    for (const CommittedInstance& instance : service_->instances) {
      if (!instance.address.empty()) result_.records[owner].insert(instance.address);
    }
  }

  const ClusterConfig& config_;
  const NamespaceName* name_space_ = nullptr;
  const CommittedService* service_ = nullptr;
  std::map<std::string, NamespaceName> claims_;  // hostname → who serves it
  std::map<std::pair<std::string, std::string>, BackendKey> hosts_;
  std::map<BackendKey, std::vector<std::string>> backends_;
  Projection result_;
};

}  // namespace

Projection project(const std::map<NamespaceName, CommitEntry>& newest,
                   const ClusterConfig& config) {
  std::vector<const CommitEntry*> by_age;
  for (const auto& [name, entry] : newest) by_age.push_back(&entry);
  std::ranges::stable_sort(by_age, {}, &CommitEntry::sequence);
  Projector projector(config);
  for (const CommitEntry* entry : by_age) projector.add(*entry);
  return projector.take();
}

}  // namespace ployz

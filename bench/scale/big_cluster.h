// A large cluster as data, the same for everybody who asks for the same size: machines, and the
// newest commits of namespaces whose instances are spread evenly over them.
#pragma once

#include <format>
#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "model/commit.h"
#include "model/machine.h"
#include "plan/deploy.h"

namespace ployz::bench {

struct Size {
  size_t machines = 200;
  size_t instances = 10'000;  // in all
  size_t namespaces = 40;
};

inline constexpr size_t kServicesPerNamespace = 5;

inline std::string image_id(std::string_view reference) {
  return sha256_digest(reference);
}

inline Service big_service(size_t number, std::string image, uint32_t replicas) {
  Service service;
  service.name = ServiceName(std::format("service-{}", number));
  service.container.image = std::move(image);
  service.container.env = {{"PORT", "8080"}, {"LOG", "info"}, {"DATABASE", "db.internal:5432"}};
  service.container.ports = {{"http", 8080, Protocol::tcp}};
  service.container.readiness.kind = Readiness::Kind::http;
  service.container.readiness.path = "/healthz";
  service.container.readiness.port = "http";
  service.placement.replicas = replicas;
  return service;
}

class BigCluster {
 public:
  explicit BigCluster(const Size& size) {
    for (size_t i = 0; i < size.machines; ++i) {
      Machine machine;
      machine.id = MachineId(std::format("machine-{:03}", i));
      machine.name = std::format("m{:03}", i);
      machine.subnet = std::format("10.{}.{}.0/24", 100 + i / 256, i % 256);
      machine.overlay_address = std::format("10.{}.{}.1", 100 + i / 256, i % 256);
      machine.endpoints = {std::format("192.0.2.{}:51820", i % 250)};
      machine.version = "1.0.0";
      machine.created_at_ms = kNowMs;
      machines.push_back(machine);
    }
    const size_t each = size.instances / (size.namespaces * kServicesPerNamespace);
    for (size_t n = 0; n < size.namespaces; ++n) commits.push_back(make_commit(n, each));
  }

  // As a manifest: what would find everything unchanged.
  [[nodiscard]] DeployRequest request(size_t name_space) const {
    DeployRequest request;
    request.manifest.name_space = commits[name_space].name_space;
    for (const CommittedService& committed : commits[name_space].services) {
      Service service = committed.service;
      service.container.image_id.clear();
      request.manifest.services.push_back(std::move(service));
    }
    return request;
  }

  [[nodiscard]] Snapshot snapshot() const {
    Snapshot snapshot;
    snapshot.now_ms = kNowMs;
    snapshot.machines = machines;
    for (const Machine& machine : machines) snapshot.facts[machine.id] = facts(machine);
    uint64_t sequence = 0;
    for (const Commit& commit : commits) snapshot.newest[commit.name_space] = {++sequence, commit};
    return snapshot;
  }

  [[nodiscard]] MachineFacts facts(const Machine& machine) const {
    MachineFacts facts;
    facts.machine = machine.id;
    facts.version = machine.version;
    facts.clock_ms = kNowMs;
    facts.router_answers = true;
    facts.memory_free_bytes = 8ULL << 30;
    facts.disk_free_bytes = 80ULL << 30;
    facts.images = {{"shop/web:1", image_id("shop/web:1")}, {"shop/web:2", image_id("shop/web:2")}};
    for (const Commit& commit : commits) {
      for (const CommittedService& service : commit.services) {
        for (const CommittedInstance& instance : service.instances) {
          if (instance.machine != machine.id) continue;
          facts.instances.push_back({instance.id, commit.name_space, service.service.name,
                                     service.revision, commit.operation, instance.address,
                                     InstanceState::running, 0, kNowMs});
          facts.addresses_in_use.push_back(instance.address);
        }
      }
    }
    return facts;
  }

  std::vector<Machine> machines;  // sorted by id
  std::vector<Commit> commits;

 private:
  static constexpr uint64_t kNowMs = 1'700'000'000'000;

  Commit make_commit(size_t number, size_t each) {
    Commit commit;
    commit.id = CommitId(std::format("commit-{:04}", number));
    commit.name_space = NamespaceName(std::format("ns-{:03}", number));
    commit.operation = OperationId(std::format("operation-{:04}", number));
    commit.created_at_ms = kNowMs;
    Manifest manifest;
    manifest.name_space = commit.name_space;
    for (size_t s = 0; s < kServicesPerNamespace; ++s) {
      Service service = big_service(s, "shop/web:1", static_cast<uint32_t>(each));
      service.routes = {{{std::format("s{}.n{}.example.com", s, number)}, "http", "/"}};
      manifest.services.push_back(service);
      service.container.image_id = image_id("shop/web:1");
      CommittedService committed{service, revision_of(service.container), {}};
      for (size_t i = 0; i < each; ++i) committed.instances.push_back(next_instance());
      commit.services.push_back(std::move(committed));
    }
    commit.manifest_digest = manifest_digest(manifest);
    return commit;
  }

  CommittedInstance next_instance() {
    const size_t machine = made_ % machines.size();
    const size_t host = made_ / machines.size() + 2;
    const std::string& gateway = machines[machine].overlay_address;
    const std::string net = gateway.substr(0, gateway.rfind('.') + 1);
    return {InstanceId(std::format("instance-{:06}", made_++)), machines[machine].id,
            net + std::to_string(host)};
  }

  size_t made_ = 0;
};

}  // namespace ployz::bench

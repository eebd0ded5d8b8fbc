#include "agent/facts.h"

#include <algorithm>
#include <format>

#include "base/digest.h"
#include "base/version.h"

namespace ployz {
namespace {

Status look_up_images(Images& images, const std::vector<std::string>& references,
                      MachineFacts& facts) {
  for (const std::string& reference : references) {
    if (const auto found = TRY(images.find(reference))) {
      facts.images[reference] = found->id;
      continue;
    }
    if (is_sha256_digest(reference)) {  // no registry is asked for what it cannot know
      facts.pullable[reference] = "an image is pulled by its name, not by its id";
      continue;
    }
    const Status pullable = images.check_pullable(reference);
    facts.pullable[reference] = pullable ? "" : pullable.error().line();
  }
  return {};
}

std::string missing_addresses(const std::vector<FoundInstance>& instances,
                              const ProbeRequest& request) {
  std::string missing;
  for (const FoundInstance& instance : instances) {
    const bool wanted = std::ranges::contains(request.claim.addresses, instance.address);
    if (!wanted || instance.operation == request.operation) continue;
    missing += std::format("; address {} belongs to {}", instance.address, instance.id.str());
  }
  return missing;
}

std::string missing_ports(const std::vector<uint16_t>& listening, const Claim& claim) {
  std::string missing;
  for (const uint16_t port : claim.host_ports) {
    if (std::ranges::contains(listening, port)) {
      missing += std::format("; port {} is in use by another program", port);
    }
  }
  return missing;
}

Result<std::string> missing_images(Images& images, const Claim& claim) {
  std::string missing;
  for (const std::string& id : claim.image_ids) {
    if (!TRY(images.find(id))) missing += std::format("; image {} is not here", id);
  }
  for (const std::string& reference : claim.pulls) {
    if (TRY(images.find(reference))) continue;
    const Status pullable = images.check_pullable(reference);
    if (pullable) continue;
    missing += std::format("; image {} cannot be pulled: {}", reference, pullable.error().message);
  }
  return missing;
}

Result<std::string> missing_datasets(Volumes* volumes, const Claim& claim) {
  if (claim.datasets.empty()) return "";
  if (volumes == nullptr) return "; it keeps no volumes";
  std::string missing;
  for (const DatasetId& id : claim.datasets) {
    if (!TRY(volumes->find(id))) missing += std::format("; dataset {} is not here", id.str());
  }
  return missing;
}

// A pool that is away makes the machine's answer an error only for who needs to know its datasets:
// everything without volumes goes on there.
Status look_up_datasets(const AgentConfig& config, Volumes* volumes, bool datasets,
                        MachineFacts& facts) {
  if (volumes == nullptr) return {};
  auto pool = volumes->pool();
  if (!pool && !datasets) return {};
  facts.pool = TRY(std::move(pool));
  facts.pool->overcommit_permille = config.overcommit_permille;
  if (datasets) facts.datasets = TRY(volumes->list());
  return {};
}

}  // namespace

Result<MachineFacts> gather_facts(const AgentConfig& config, const Agent::Ports& ports,
                                  Reservations& reservations, const FactsRequest& request) {
  MachineFacts facts;
  facts.machine = config.self.id;
  facts.version = version();
  facts.instances = TRY(ports.containers.list());
  TRY(look_up_images(ports.images, request.images, facts));
  facts.host_ports_in_use = TRY(ports.host.listening_ports());
  facts.memory_free_bytes = TRY(ports.host.memory_free_bytes());
  facts.disk_free_bytes = TRY(ports.host.disk_free_bytes());
  TRY(look_up_datasets(config, ports.volumes, request.datasets, facts));
  facts.clock_ms = ports.clock.wall_ms();
  std::set<std::string> addresses = reservations.held(ports.clock.steady_ms());
  for (const FoundInstance& instance : facts.instances) {
    if (!instance.address.empty()) addresses.insert(instance.address);
  }
  facts.addresses_in_use.assign(addresses.begin(), addresses.end());
  return facts;
}

Status check_claim(const AgentConfig& config, const Agent::Ports& ports,
                   Reservations& reservations, const ProbeRequest& request) {
  TRY(ports.journal.admit(request.operation, request.attempt));
  const Claim& claim = request.claim;
  std::string missing;
  if (!claim.addresses.empty()) {
    missing += missing_addresses(TRY(ports.containers.list()), request);
  }
  if (!claim.host_ports.empty()) {
    missing += missing_ports(TRY(ports.host.listening_ports()), claim);
  }
  missing += TRY(missing_images(ports.images, claim));
  missing += TRY(missing_datasets(ports.volumes, claim));
  if (missing.empty()) {
    // Last, so that a refused claim holds nothing.
    for (const std::string& address : reservations.hold(request.operation, claim.addresses,
                                                        ports.clock.steady_ms())) {
      missing += std::format("; address {} is reserved by another operation", address);
    }
  } else {
    reservations.release(request.operation);
  }
  if (missing.empty()) return {};
  return fail(Code::precondition,
              std::format("machine {}: {}", config.self.name, missing.substr(2)),
              "run the command again once this is resolved");
}

}  // namespace ployz

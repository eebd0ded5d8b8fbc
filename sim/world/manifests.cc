#include "sim/world/manifests.h"

#include <algorithm>
#include <format>

#include "base/digest.h"

namespace ployz::sim {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kGoodImages = 3;

std::vector<SampleImage> make_images() {
  std::vector<SampleImage> images;
  const auto add = [&](std::string reference, Behaviour behaviour, bool may_be_absent,
                       bool in_registry = true) {
    images.push_back({reference, sha256_digest(reference), behaviour, may_be_absent, in_registry});
  };
  for (uint64_t i = 1; i <= kGoodImages; ++i) add(std::format("web:{}", i), {}, i == 3);
  add("pushed:1", {}, true, false);
  add("slow:1", {.ready_after_ms = 4000}, false);
  add("stubborn:1", {.ignores_sigterm = true}, false);
  add("never:1", {.never_ready = true}, false);
  add("exits:1", {.ready_after_ms = 100'000, .exits_after_ms = 700, .exit_code = 3}, false);
  return images;
}

std::string good_image(Random& random) {
  switch (random.below(8)) {
    case 0: return "slow:1";
    case 1: return "stubborn:1";
    case 2: return "pushed:1";
    default: return std::format("web:{}", random.between(1, kGoodImages));
  }
}

Readiness random_readiness(Random& random) {
  Readiness readiness;
  readiness.start_period = milliseconds(8000);
  readiness.interval = milliseconds(random.between(1, 10) * 100);
  switch (random.below(6)) {
    case 0:
      readiness.kind = Readiness::Kind::none;
      break;
    case 1:
      readiness.kind = Readiness::Kind::exec;
      readiness.command = {"ready"};
      break;
    case 2:
      readiness.kind = Readiness::Kind::tcp;
      readiness.port = "http";
      break;
    default:
      readiness.kind = Readiness::Kind::http;
      readiness.path = "/healthz";
      readiness.port = "http";
  }
  return readiness;
}

// Pins and `global` want every machine they name, so an image that not all can get would be
// refused.
Placement random_placement(Random& random, const std::string& image,
                           const std::vector<std::string>& machines) {
  Placement placement;
  placement.replicas = static_cast<uint32_t>(random.between(1, 4));
  if (image == "pushed:1" || machines.size() < 2) return placement;
  switch (random.below(6)) {
    case 0:
      placement.global = true;
      break;
    case 1:
      for (const std::string& machine : machines) {
        if (random.coin()) placement.machines.push_back(machine);
      }
      break;
    default:
      break;
  }
  return placement;
}

// What a service may mount: its own, and the third also the second's, which is shared. All of its own
// or none, so that they are made together and stay together.
std::vector<VolumeName> own_volumes(uint64_t number) {
  if (number == 2) return {VolumeName("v2"), VolumeName("w2")};
  return {VolumeName(std::format("v{}", number))};
}

VolumeSpec random_volume(Random& random, const VolumeName& name) {
  VolumeSpec spec;
  spec.name = name;
  spec.scope = name.str() == "v1" ? VolumeScope::shared : VolumeScope::single;
  if (random.below(4) == 0) spec.quota_bytes = random.between(1, 64) << 10;
  return spec;
}

void add_mounts(Random& random, Service& service, uint64_t number, Manifest& manifest) {
  const bool others = number == 2 && random.below(3) == 0;
  const bool single = number != 1 && !others;
  for (const VolumeName& name : own_volumes(others ? 1 : number)) {
    service.container.mounts.push_back({name, "/" + name.str(), others && random.coin()});
    if (!std::ranges::contains(manifest.volumes, name, &VolumeSpec::name)) {
      manifest.volumes.push_back(random_volume(random, name));
    }
  }
  if (service.container.image == "pushed:1") service.container.image = "web:1";
  service.placement.machines.clear();
  service.placement.global = false;
  if (!single) return;
  service.placement.replicas = 1;
  service.rollout = Rollout::recreate;
}

uint16_t first_port(const NamespaceName& name_space) {
  if (name_space.str() == "alpha") return 8000;
  return name_space.str() == "beta" ? 9000 : 0;
}

Service random_service(Random& random, const NamespaceName& name_space, uint64_t number,
                       const std::vector<std::string>& machines) {
  Service service;
  service.name = ServiceName(std::format("s{}", number));
  service.container.image = good_image(random);
  service.container.ports = {{"http", 8080, Protocol::tcp}};
  service.container.env = {{"VERSION", std::to_string(random.below(3))}};
  service.container.readiness = random_readiness(random);
  service.container.stop_grace_period = milliseconds(random.between(1, 3) * 1000);
  if (service.container.image == "slow:1" || service.container.image == "stubborn:1") {
    // Ready for a moment of running is not ready for traffic: probe these.
    service.container.readiness.kind = Readiness::Kind::tcp;
    service.container.readiness.port = "http";
  }
  service.placement = random_placement(random, service.container.image, machines);
  service.rollout = random.below(3) == 0 ? Rollout::recreate : Rollout::blue_green;
  if (random.below(3) > 0) {
    service.routes = {{{std::format("{}.{}.example", service.name.str(), name_space.str())},
                       "http",
                       "/"}};
  }
  if (random.below(6) == 0) {
    // A name both namespaces may want: the planner has to refuse the second.
    service.routes.push_back({{"shared.example"}, "http", std::format("/{}", number)});
  }
  const uint16_t port = first_port(name_space);
  if (port != 0 && random.below(3) == 0) {
    service.publish = {{static_cast<uint16_t>(port + number), 8080}};
  }
  return service;
}

}  // namespace

const std::vector<SampleImage>& sample_images() {
  static const std::vector<SampleImage> images = make_images();
  return images;
}

Manifest random_manifest(Random& random, const NamespaceName& name_space, bool bad,
                         const std::vector<std::string>& machines,
                         const std::set<ServiceName>& homeless) {
  Manifest manifest;
  manifest.name_space = name_space;
  const uint64_t count = random.between(1, 3);
  for (uint64_t i = 0; i < count; ++i) {
    if (count > 1 && i > 0 && random.below(4) == 0) continue;
    Service service = random_service(random, name_space, i, machines);
    if (random.below(3) > 0 && !homeless.contains(service.name)) {
      add_mounts(random, service, i, manifest);
    }
    manifest.services.push_back(std::move(service));
  }
  if (bad) {
    Service& victim = manifest.services[random.below(manifest.services.size())];
    victim.container.image = random.coin() ? "never:1" : "exits:1";
    victim.container.readiness.kind = Readiness::Kind::tcp;
    victim.container.readiness.port = "http";
  }
  return manifest;
}

std::set<ServiceName> homeless_services(const Commit& commit, const std::set<MachineId>& living) {
  std::set<ServiceName> homeless;
  for (uint64_t number = 0; number < 3; ++number) {
    std::vector<VolumeName> names = own_volumes(number);
    if (number == 2) names.emplace_back("v1");
    std::set<MachineId> homes;
    for (const VolumeName& name : names) {
      if (const CommittedVolume* volume = commit.volume(name)) homes.insert(volume->machine);
    }
    const bool alive = std::ranges::all_of(homes, [&](const auto& id) { return living.contains(id); });
    if (homes.size() > 1 || !alive) homeless.insert(ServiceName(std::format("s{}", number)));
  }
  return homeless;
}

}  // namespace ployz::sim

#include "plan/claims.h"

#include <algorithm>

#include "plan/conflicts.h"

namespace ployz {
namespace {

std::vector<uint16_t> newly_published(const std::vector<ServiceLayout>& layouts,
                                      const Commit* previous) {
  std::vector<uint16_t> ports;
  for (const ServiceLayout& layout : layouts) {
    if (layout.diff.kind == ServiceDiff::Kind::remove) continue;
    for (const Publish& publish : layout.diff.service.publish) ports.push_back(publish.host);
  }
  if (previous != nullptr) {
    for (const CommittedService& committed : previous->services) {
      for (const Publish& publish : committed.service.publish) std::erase(ports, publish.host);
    }
  }
  std::ranges::sort(ports);
  return ports;
}

// Ports an instance on the host's network will bind, apart from those its predecessor still holds.
void claim_host_ports(Claim& claim, const ServiceLayout& layout) {
  const bool predecessor = std::ranges::any_of(layout.diff.gone, [&](const GoneInstance& gone) {
    return gone.runs && gone.instance.machine == claim.machine;
  });
  const std::vector<uint16_t> held = predecessor && layout.diff.previous != nullptr
                                         ? host_ports_of(layout.diff.previous->service)
                                         : std::vector<uint16_t>{};
  for (const uint16_t port : host_ports_of(layout.diff.service)) {
    if (!std::ranges::contains(held, port)) claim.host_ports.push_back(port);
  }
}

}  // namespace

void add_claims(Plan& plan, const std::vector<ServiceLayout>& layouts,
                const VolumeSteps& volumes, const std::vector<const Machine*>& participants,
                const Commit* previous) {
  const std::vector<uint16_t> published = newly_published(layouts, previous);
  for (const Machine* machine : participants) {
    Claim claim{machine->id, {}, published, {}, {}, true, {}};
    volumes.claim(claim);
    for (const ServiceLayout& layout : layouts) {
      for (const NewInstance& added : layout.added) {
        if (added.instance.machine != machine->id) continue;
        const ContainerSpec& spec = layout.diff.service.container;
        if (!added.instance.address.empty()) claim.addresses.push_back(added.instance.address);
        auto& images = added.pull ? claim.pulls : claim.image_ids;
        const std::string& image = added.pull ? spec.image : spec.image_id;
        if (!std::ranges::contains(images, image)) images.push_back(image);
        claim_host_ports(claim, layout);
      }
    }
    plan.claims.push_back(std::move(claim));
  }
}

}  // namespace ployz

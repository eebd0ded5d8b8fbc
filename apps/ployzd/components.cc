#include "components.h"

#include <algorithm>
#include <format>

#include "mesh/mesh_keeper.h"

namespace ployz {
namespace {

constexpr auto kPingTimeout = std::chrono::seconds(2);

ComponentReport component(std::string name, const Status& status, std::string detail = "") {
  if (status) return {std::move(name), true, std::move(detail)};
  return {std::move(name), false, status.error().line()};
}

Status as_status(auto&& result) {
  if (result) return {};
  return fail(std::forward<decltype(result)>(result).error());
}

// Healthy with silent peers: those are the others' trouble, and named where machines are listed.
// Guests and removed machines are peers too, and nobody's business here.
ComponentReport overlay_component(const LocalDrivers& drivers,
                                  const std::vector<Machine>& members) {
  const auto unit = drivers.units.status(unit::kWireguard);
  if (!unit) return {"overlay", false, unit.error().line()};
  if (unit->active_state != "active") {
    return {"overlay", false, std::format("{} {}", unit::kWireguard, unit->active_state)};
  }
  auto peers = drivers.overlay.peers();
  if (!peers) return {"overlay", false, peers.error().line()};
  std::erase_if(*peers, [&](const PeerStatus& peer) {
    return !std::ranges::contains(members, peer.public_key, &Machine::wireguard_public_key);
  });
  const auto alive = std::ranges::count_if(*peers, [](const PeerStatus& peer) {
    return peer.handshake_age_ms && *peer.handshake_age_ms <= kSilentPeerMs;
  });
  return {"overlay", true, std::format("{} of {} peers", alive, peers->size())};
}

}  // namespace

ComponentReport containers_component(const LocalDrivers& drivers) {
  return component("containers", as_status(drivers.containers.list()));
}

std::vector<ComponentReport> components_of(Member& member, const LocalDrivers& drivers) {
  const MachineId self = member.identity().machine.id;
  std::vector<ComponentReport> components;
  components.push_back(component("store", as_status(member.records().get(Bucket::meta, "epoch")),
                                 std::format("epoch {}", member.identity().store.epoch)));
  components.push_back(overlay_component(drivers, *member.last_seen()));
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

}  // namespace ployz

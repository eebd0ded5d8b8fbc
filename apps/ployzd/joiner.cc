#include "joiner.h"

#include <algorithm>
#include <format>

#include "data_plane.h"
#include "drivers/nats/streams.h"
#include "mesh/roster.h"
#include "mesh/store_transfer.h"
#include "nats_files.h"
#include "plan/addresses.h"

namespace ployz {
namespace {

// The first handshake may need a try per endpoint, and nats-server dials its remote every second.
constexpr auto kStoreReached = std::chrono::seconds(25);
constexpr auto kStoreRetry = std::chrono::milliseconds(100);
// Which machines keep mirrors of the store: the second and the third of a network. Two copies
// survive the loss of any one machine beside the store's; a copy on every machine would send each
// write to each. Others can be told to later.
constexpr size_t kMirroringMachines = 2;

}  // namespace

Status Joiner::check(const JoinBundle& bundle, const Identity& identity) {
  const Machine& machine = bundle.admission.machine;
  if (machine.id != identity.machine.id ||
      machine.wireguard_public_key != identity.machine.wireguard_public_key ||
      machine.nats_public_key != identity.machine.nats_public_key) {
    return fail(Code::invalid,
                std::format("the bundle admits machine {} with its keys, and this is {}",
                            machine.id.str(), identity.machine.id.str()),
                "admit this machine's own self-record: ployzctl mesh self-record");
  }
  TRY(check_dns_label(bundle.network.name, "network name"));
  TRY(parse_subnet(bundle.network.cluster_cidr));
  const Subnet own = TRY(parse_subnet(machine.subnet));
  if (machine.overlay_address != format_ipv4(own.network + 1)) {
    return fail(Code::invalid, std::format("{} is not the first address of {}",
                                           machine.overlay_address, machine.subnet));
  }
  const StoreEpoch store = store_of(bundle.machines, bundle.epoch);
  for (const StoreMember& member : store.members) TRY(parse_ipv4(member.address));
  if (!store.members.empty()) return {};
  return fail(Code::invalid, "the bundle names no machine that has the store");
}

void Joiner::take_on(Identity& identity, const JoinBundle& bundle) {
  identity.network = bundle.network.name;
  identity.settings = bundle.network;
  identity.machine = bundle.admission.machine;
  identity.store = store_of(bundle.machines, bundle.epoch);
  identity.mirrors = bundle.machines.size() <= kMirroringMachines;
}

Status Joiner::start_leaf(const Identity& identity) {
  const bool changed = TRY(write_nats_config(identity, paths_, StoreStage::serves, {}));
  return start_nats(drivers_.units, identity.store.epoch, changed);
}

Status Joiner::await_store(Member& member) {
  const uint64_t deadline =
      drivers_.clock.steady_ms() + std::chrono::milliseconds(kStoreReached).count();
  while (true) {
    const auto epoch = member.records().get(Bucket::meta, kEpochKey);
    if (epoch) {
      const std::string wanted = std::to_string(member.identity().store.epoch);
      if (*epoch && (*epoch)->value == wanted) return {};
      return fail(Code::precondition,
                  std::format("the store is of epoch {}, not {}",
                              *epoch ? (*epoch)->value : "(none)", wanted),
                  "run ployzctl machine add again");
    }
    if (drivers_.clock.steady_ms() > deadline) {
      Error error = epoch.error();
      error.hint = "is UDP 51820 open between the machines? journalctl -u ployz-nats";
      return fail(std::move(error).at("the network's store was not reached"));
    }
    drivers_.clock.sleep_for(kStoreRetry, {});
  }
}

Result<std::unique_ptr<Member>> Joiner::join(Identity& identity, const JoinBundle& bundle,
                                             const Progress& progress) {
  progress(std::format("network {} · machine {} · subnet {}", identity.network,
                       identity.machine.name, identity.machine.subnet));
  TRY(start_networks(identity, config_, paths_, drivers_));
  TRY(drivers_.overlay.set_peers(
      peers_of({bundle.machines, {}}, identity.machine.id, drivers_.clock.wall_ms())));
  progress(std::format("overlay and container bridge are up, {} peers", bundle.machines.size()));
  TRY(drivers_.storage.ensure(progress));
  TRY(start_leaf(identity));
  // What the member saves of itself later, when the store has moved, is of a complete machine.
  identity.complete = true;
  auto member = TRY(Member::join(identity, config_, paths_, drivers_));
  TRY(await_store(*member));
  progress("the network's store is reached");
  TRY(start_services(identity, config_, paths_, drivers_));
  TRY(await_router(*member, drivers_.clock));
  progress("gateway, DNS and router serve");
  TRY(save_identity(paths_.identity(), identity));
  return member;
}

}  // namespace ployz

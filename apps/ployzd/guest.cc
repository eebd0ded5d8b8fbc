#include "guest.h"

#include <algorithm>
#include <format>
#include <map>

#include "drivers/peer/peer_rpc.h"
#include "model/invite.h"
#include "plan/addresses.h"
#include "ports/peer_calls.h"
#include "self.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// A handshake is one round trip. Every further round tries the next endpoint of each machine.
constexpr milliseconds kHandshake{2200};
constexpr milliseconds kLook{100};
constexpr milliseconds kAsking{90'000};
// For the first answer, and twice as long for each further one: a reply gets lost when somebody
// with a copy of the token takes the session over (it would go on at the next keepalive), and a
// network with a slow member needs longer.
constexpr milliseconds kFirstAnswer{5000};
constexpr milliseconds kConnecting{4000};

// The driver knows subnets, down to /30.
Result<std::string> subnet_around(const std::string& address) {
  return std::format("{}/30", format_ipv4(TRY(parse_ipv4(address)) & ~uint32_t{3}));
}

Result<std::vector<Peer>> peers_of(const JoinToken& token) {
  std::vector<Peer> peers;
  for (const TokenMachine& machine : token.machines) {
    peers.push_back({machine.wireguard_public_key, TRY(subnet_around(machine.overlay_address)),
                     machine.endpoints});
  }
  return peers;
}

OverlayConfig overlay_of(const JoinToken& token) {
  OverlayConfig config;
  config.private_key = token.wireguard_private_key;
  config.address = guest_address(token.guest);
  config.subnet = guest_subnet(token.guest);
  config.cluster_cidr = token.cluster_cidr;
  return config;
}

PeerConfig dialing_of(const JoinToken& token, const Nkey& key) {
  auto machines = std::make_shared<std::vector<Machine>>();
  for (const TokenMachine& known : token.machines) {
    Machine machine;
    machine.id = known.id;
    machine.overlay_address = known.overlay_address;
    machine.nats_public_key = known.nats_public_key;
    machines->push_back(std::move(machine));
  }
  return {.network = token.network,
          .self = MachineId(token.invite.str()),
          .address = guest_address(token.guest),
          .key = key,
          .members = [machines] { return machines; },
          .greeting_timeout = kConnecting};
}

// Those of the token with whom there is a session now, as soon as there is one.
Result<std::vector<TokenMachine>> reached(const JoinToken& token, const LocalDrivers& drivers) {
  const uint64_t until_ms = drivers.clock.steady_ms() + static_cast<uint64_t>(kHandshake.count());
  while (true) {
    std::vector<TokenMachine> found;
    for (const PeerStatus& status : TRY(drivers.overlay.peers())) {
      const auto machine =
          std::ranges::find(token.machines, status.public_key, &TokenMachine::wireguard_public_key);
      if (status.handshake_age_ms && machine != token.machines.end()) found.push_back(*machine);
    }
    if (!found.empty() || drivers.clock.steady_ms() >= until_ms) return found;
    drivers.clock.sleep_for(kLook, {});
  }
}

// Of what another machine, or another try, would answer the same.
bool is_final(const Error& error) {
  return error.code != Code::unavailable && error.code != Code::timeout &&
         error.code != Code::corrupt && error.code != Code::conflict;
}

Error silence(const JoinToken& token, const Error& last) {
  std::string endpoints;
  for (const TokenMachine& machine : token.machines) {
    for (const std::string& endpoint : machine.endpoints) {
      endpoints += (endpoints.empty() ? "" : ", ") + endpoint;
    }
  }
  Error error{
      Code::unavailable,
      last.effect,
      std::format("no machine of network {} let this one in; tried {}", token.network, endpoints),
      "is UDP 51820 open from here to there? If the token is old, create another one: "
      "ployzctl machine invite create",
      {}};
  if (!last.message.empty()) error.message += "; " + last.message;
  return error;
}

Result<JoinBundle> ask_around(const JoinToken& token, const Identity& identity,
                              const LocalDrivers& drivers, const Progress& progress) {
  const Nkey key = TRY(Nkey::from_seed(token.nats_seed));
  const std::vector<Peer> peers = TRY(peers_of(token));
  TRY(drivers.overlay.ensure_up(overlay_of(token)));
  PeerRpc rpc(dialing_of(token, key));
  Error last{Code::unavailable, Effect::none, {}, {}, {}};
  std::map<MachineId, int> failures;
  milliseconds patience = kFirstAnswer;
  const uint64_t until_ms = drivers.clock.steady_ms() + static_cast<uint64_t>(kAsking.count());
  while (drivers.clock.steady_ms() < until_ms) {
    TRY(drivers.overlay.set_peers(peers));
    // Whoever failed least.
    const std::vector<TokenMachine> found = TRY(reached(token, drivers));
    const auto next = std::ranges::min_element(
        found, {}, [&](const TokenMachine& machine) { return failures[machine.id]; });
    if (next == found.end()) continue;
    const TokenMachine& machine = *next;
    progress(std::format("asking the machine at {} to be let in", machine.overlay_address));
    auto bundle = rpc.call({machine.id, Target::agent, std::string(kPeerJoin)},
                           to_json(self_record_of(identity, drivers.clock.wall_ms())),
                           std::min(patience, kPeerJoinTime))
                      .and_then(join_bundle_from_json);
    if (bundle) return bundle;
    Error error = std::move(bundle).error();
    if (last.effect == Effect::unknown) error.effect = Effect::unknown;
    if (is_final(error)) return fail(std::move(error));
    last = std::move(error);
    ++failures[machine.id];
    patience *= 2;
    // Somebody with a copy of the token may have taken the session over: it is made anew.
    TRY(drivers.overlay.set_peers({}));
  }
  return fail(silence(token, last));
}

}  // namespace

Result<JoinBundle> ask_as_guest(const JoinToken& token, const Identity& identity,
                                const LocalDrivers& drivers, const Progress& progress) {
  TRY(drivers.overlay
          .remove());  // what a run that was cut off has left, of a guest or of a machine
  auto bundle = ask_around(token, identity, drivers, progress);
  const Status removed = drivers.overlay.remove();
  if (!bundle) return bundle;
  TRY(Status(removed));
  return bundle;
}

}  // namespace ployz

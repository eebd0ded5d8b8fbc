// The encrypted network between the machines: one WireGuard interface, and what lets container
// traffic pass through it. Real: src/drivers/wireguard (kernel, else wireguard-go). One writer. Calls
// block, are thread-safe and may be repeated. What is set here stays over restarts of the daemon and
// of the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ployz {

inline constexpr uint16_t kOverlayPort = 51820;
// 1500 of an ordinary underlay minus 80 of WireGuard over IPv6, the worse of the two.
inline constexpr uint32_t kOverlayMtu = 1420;

struct OverlayConfig {
  std::string private_key;   // base64, 32 bytes
  std::string address;       // of this machine: "10.101.0.1", the first host of its subnet
  // "10.101.0.0/24": stays on the container bridge. Or a part of kGuestRange: this is no machine yet,
  // and asks by an invite (model/invite.h) to become one.
  std::string subnet;
  std::string cluster_cidr;  // "10.101.0.0/16": all else of it goes through the tunnel
  uint16_t port = kOverlayPort;
  uint32_t mtu = kOverlayMtu;
  bool operator==(const OverlayConfig&) const = default;
};

struct Peer {
  std::string public_key;              // base64
  std::string subnet;                  // all that it may send from, and all that goes to it
  std::vector<std::string> endpoints;  // "192.0.2.7:51820", best first; empty: it calls us
  // It was a member. As those of kGuestRange it reaches this machine's peer port and nothing else.
  bool removed = false;
  bool operator==(const Peer&) const = default;
};

struct PeerStatus {
  std::string public_key;
  std::string endpoint;                      // in use; empty: none yet
  std::optional<uint64_t> handshake_age_ms;  // nullopt: never
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
};

class Overlay {
 public:
  virtual ~Overlay() = default;

  // The interface is up with this key and port, routes and firewall rules are in place: traffic of
  // the cluster's range goes through the tunnel with its source unchanged, and from the container
  // bridge nowhere else; peers of kGuestRange, and removed ones, reach the peer port and nothing
  // else. `precondition`: neither kernel WireGuard nor tun is there, or the port is in use.
  // `invalid`: a key or address does not parse.
  [[nodiscard]] virtual Status ensure_up(const OverlayConfig& config) = 0;
  // Exactly these peers from now on. Sessions of peers that stay are not interrupted, and the
  // endpoint of one that has a recent handshake is left alone. One without is tried at its next
  // endpoint with every call that comes 2 s or more after the one before: so while a peer has no
  // handshake, repeat this call. `invalid`: a key, subnet or endpoint does not parse, or a key is
  // there twice. `precondition`: the interface is not up.
  [[nodiscard]] virtual Status set_peers(const std::vector<Peer>& peers) = 0;
  // Sorted by key; none when the interface is not up.
  [[nodiscard]] virtual Result<std::vector<PeerStatus>> peers() = 0;
  // Interface, routes, rules and stored configuration are gone; removing the absent succeeds.
  [[nodiscard]] virtual Status remove() = 0;
};

}  // namespace ployz

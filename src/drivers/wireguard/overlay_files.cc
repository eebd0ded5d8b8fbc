#include "drivers/wireguard/overlay_files.h"

#include <charconv>
#include <format>
#include <set>

#include <arpa/inet.h>

#include "drivers/wireguard/wireguard_key.h"
#include "model/invite.h"
#include "plan/addresses.h"
#include "ports/peer_calls.h"

namespace ployz {
namespace {

bool contains(const Subnet& outer, const Subnet& inner) {
  return inner.prefix >= outer.prefix &&
         ((outer.network ^ inner.network) & ~(~uint32_t{0} >> outer.prefix)) == 0;
}

// "192.0.2.7:51820" or "[2001:db8::1]:51820". No names: nobody resolves at boot.
bool is_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.size() > 64) return false;
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0) return false;
  std::string host(text.substr(0, colon));
  in6_addr ignored{};
  if (host.starts_with('[') && host.ends_with(']')) {
    return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &ignored) == 1;
  }
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1;
}

bool is_guest(const OverlayConfig& config) {
  const auto range = parse_subnet(kGuestRange);
  const auto subnet = parse_subnet(config.subnet);
  return range && subnet && contains(*range, *subnet);
}

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid, "overlay: " + std::move(message));
}

}  // namespace

Status check_config(const OverlayConfig& config) {
  if (!is_wireguard_key(config.private_key)) {
    return bad("the private key is not 32 bytes in base64");
  }
  const Subnet cluster = TRY(parse_subnet(config.cluster_cidr));
  const Subnet subnet = TRY(parse_subnet(config.subnet));
  const uint32_t address = TRY(parse_ipv4(config.address));
  if (!contains(cluster, subnet) && !is_guest(config)) {
    return bad(std::format("{} is not inside of {}", config.subnet, config.cluster_cidr));
  }
  if (!contains(subnet, {address, 32})) {
    return bad(std::format("{} is not inside of {}", config.address, config.subnet));
  }
  if (config.port == 0) return bad("port 0");
  // Below, IPv4 does not work (RFC 791); above, no link carries it.
  if (config.mtu < 576 || config.mtu > 65456) return bad(std::format("MTU {}", config.mtu));
  return {};
}

Status check_peers(const std::vector<Peer>& peers) {
  if (peers.size() > kMaxPeers) return bad(std::format("{} peers", peers.size()));
  std::set<std::string_view> keys;
  for (const Peer& peer : peers) {
    if (!is_wireguard_key(peer.public_key)) {
      return bad(std::format("peer {}: its key is not 32 bytes in base64", peer.subnet));
    }
    if (!keys.insert(peer.public_key).second) {
      return bad(std::format("peer {}: its key is listed twice", peer.subnet));
    }
    TRY(parse_subnet(peer.subnet));
    for (const std::string& endpoint : peer.endpoints) {
      if (!is_endpoint(endpoint)) {
        return bad(std::format("peer {}: '{}' is no endpoint like 192.0.2.7:51820", peer.subnet,
                               endpoint));
      }
    }
  }
  return {};
}

std::string interface_section(const OverlayConfig& config) {
  return std::format("[Interface]\nPrivateKey = {}\nListenPort = {}\n", config.private_key,
                     config.port);
}

std::string peer_sections(const std::vector<Peer>& peers,
                          const std::map<std::string, std::string>& endpoint_of) {
  std::string text;
  for (const Peer& peer : peers) {
    text += std::format("[Peer]\nPublicKey = {}\nAllowedIPs = {}\nPersistentKeepalive = {}\n",
                        peer.public_key, peer.subnet, kKeepaliveSeconds);
    const auto endpoint = endpoint_of.find(peer.public_key);
    if (endpoint == endpoint_of.end() || endpoint->second.empty()) continue;
    text += std::format("Endpoint = {}\n", endpoint->second);
  }
  return text;
}

std::string_view peers_part(std::string_view file) {
  const size_t first = file.find("[Peer]");
  return first == std::string_view::npos ? std::string_view{} : file.substr(first);
}

std::string_view interface_part(std::string_view file) {
  return file.substr(0, std::min(file.find("[Peer]"), file.size()));
}

// The machine's address is on the bridge, which the engine makes when it pleases. It is on the
// tunnel's interface as well, as a single address, because (each tried, in tests/contract):
// - a route with `src` is refused while the address is nowhere, and dropped with its last place: at
//   boot, and whenever the engine makes its bridge anew;
// - NATS and Knot can bind it before the engine runs;
// - nftables' `redirect` sends to an address of the interface a packet came in by, so published
//   ports would not answer to other machines otherwise.
// The bridge's network is more specific than the cluster's route, so containers are found there.
std::string address_batch(const OverlayConfig& config) {
  std::string text = std::format(
      "address replace {1}/32 dev {0}\n"
      "link set dev {0} mtu {2} up\n"
      "route replace {3} dev {0} src {1}\n",
      kOverlayInterface, config.address, config.mtu, config.cluster_cidr);
  if (is_guest(config)) return text;
  return text + std::format("route replace {1} dev {0} src {2}\n", kOverlayInterface, kGuestRange,
                            config.address);
}

namespace {

const std::string kAddGuests = std::format("add element ip {} guests", kOverlayTable);

// Guests are no machines: whoever has a token may ask to become one, and who was removed while he
// was away may ask why nobody talks to him, at one port. They see nothing of what runs here. Nor
// does anything here see them.
std::string guests(const OverlayConfig& config) {
  if (is_guest(config)) return {};
  return std::format(
      "  set guests {{\n"
      "    type ipv4_addr; flags interval; elements = {{ {} }}\n"
      "  }}\n",
      kGuestRange);
}

std::string from_guests(const OverlayConfig& config) {
  if (is_guest(config)) return {};
  return std::format(
      "    iifname \"{0}\" ip saddr @guests ip daddr {1} tcp dport {2} accept\n"
      "    ip saddr @guests drop\n",
      kOverlayInterface, config.address, kPeerPort);
}

std::string to_guests(const OverlayConfig& config) {
  if (is_guest(config)) return {};
  return std::format(
      "    ip daddr @guests ip saddr != {1} drop\n"
      "    ip daddr @guests oifname != \"{0}\" drop\n",
      kOverlayInterface, config.address);
}

}  // namespace

// Masquerading is ours and not the engine's, because the engine's would also change the source of
// what goes to other machines. Priorities: before the engine's and our own redirects look (raw),
// and after routing (filter).
std::string firewall_rules(const OverlayConfig& config) {
  return std::format(
      "table ip {0}\n"
      "delete table ip {0}\n"
      "table ip {0} {{\n"
      "{7}"
      "  chain from_tunnel_only {{\n"
      "    type filter hook prerouting priority raw; policy accept;\n"
      "{5}"
      "    iifname {{ \"{1}\", \"{2}\", \"lo\" }} accept\n"
      "    ip daddr {3} drop\n"
      "    ip saddr {3} drop\n"
      "  }}\n"
      "  chain to_tunnel_only {{\n"
      "    type filter hook postrouting priority filter; policy accept;\n"
      "{6}"
      "    ip daddr {3} oifname != {{ \"{1}\", \"{2}\", \"lo\" }} drop\n"
      "  }}\n"
      "  chain outside {{\n"
      "    type nat hook postrouting priority srcnat; policy accept;\n"
      "    ip saddr {4} ip daddr != {3} oifname != \"{2}\" masquerade\n"
      "  }}\n"
      "}}\n",
      kOverlayTable, kOverlayInterface, kContainerBridge, config.cluster_cidr, config.subnet,
      from_guests(config), to_guests(config), guests(config));
}

std::string removed_elements(const std::vector<Peer>& peers) {
  std::string subnets;
  for (const Peer& peer : peers) {
    if (peer.removed) subnets += (subnets.empty() ? "" : ", ") + peer.subnet;
  }
  return subnets.empty() ? "" : std::format("{} {{ {} }}\n", kAddGuests, subnets);
}

std::string_view removed_part(std::string_view file) {
  const size_t first = file.find(kAddGuests);
  return first == std::string_view::npos ? std::string_view{} : file.substr(first);
}

std::string_view rules_part(std::string_view file) {
  return file.substr(0, std::min(file.find(kAddGuests), file.size()));
}

std::string firewall_removal() {
  return std::format("table ip {0}\ndelete table ip {0}\n", kOverlayTable);
}

std::vector<std::vector<std::string>> forward_rules() {
  const std::string tunnel(kOverlayInterface);
  const std::string bridge(kContainerBridge);
  return {{"-i", tunnel, "-o", bridge, "-j", "ACCEPT"},
          {"-i", bridge, "-o", tunnel, "-j", "ACCEPT"}};
}

}  // namespace ployz

// What the unit ployz-wireguard.service reads at boot, as text: the key and peers for wg(8),
// address and route for ip(8), the firewall for nft(8). The driver writes these files and applies
// the very same ones at run time, so that there is one way up: the unit's. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ports/containers.h"
#include "ports/overlay.h"

namespace ployz {

inline constexpr std::string_view kOverlayInterface = "ployz-wg";
inline constexpr std::string_view kOverlayTable = "ployz-overlay";  // nft: table ip ployz-overlay
// A peer behind NAT stays reachable: mappings of UDP last 30 s or more (wireguard.com/quickstart).
inline constexpr int kKeepaliveSeconds = 25;
// Far above 200 machines.
inline constexpr size_t kMaxPeers = 4096;

// `invalid` names the field; never shows the key.
[[nodiscard]] Status check_config(const OverlayConfig& config);
// Also `invalid`: a key twice.
[[nodiscard]] Status check_peers(const std::vector<Peer>& peers);

// For `wg setconf` and `wg syncconf`; secret. `endpoint_of`: by key, absent or empty: none.
[[nodiscard]] std::string interface_section(const OverlayConfig& config);
[[nodiscard]] std::string peer_sections(const std::vector<Peer>& peers,
                                        const std::map<std::string, std::string>& endpoint_of);
// The part of such a file from its first peer on, or from its start on up to there.
[[nodiscard]] std::string_view peers_part(std::string_view file);
[[nodiscard]] std::string_view interface_part(std::string_view file);

// For `ip -batch`. Each line may be repeated.
[[nodiscard]] std::string address_batch(const OverlayConfig& config);
// For `nft -f`: replaces our table in one transaction, once it is followed by what removed peers
// are.
[[nodiscard]] std::string firewall_rules(const OverlayConfig& config);
// Those peers as elements of its set of guests; empty without any.
[[nodiscard]] std::string removed_elements(const std::vector<Peer>& peers);
// The part of such a file from those elements on, or from its start on up to there.
[[nodiscard]] std::string_view removed_part(std::string_view file);
[[nodiscard]] std::string_view rules_part(std::string_view file);
[[nodiscard]] std::string firewall_removal();
// What the engine's forward chain, which may drop all it does not know, must let pass: the rules
// that go into its chain DOCKER-USER, as arguments of iptables(8) after the chain's name. They are
// in the unit's file as well.
[[nodiscard]] std::vector<std::vector<std::string>> forward_rules();

}  // namespace ployz

// The running interface as `wg show … dump` prints it, and what to change to reach wanted peers.
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ports/overlay.h"

namespace ployz {

// A session is made anew every two minutes and dead after three (REJECT_AFTER_TIME in
// wireguard.com/papers/wireguard.pdf, 6.1).
inline constexpr uint64_t kSessionMs = 180'000;

struct LivePeer {
  std::string allowed_ips;
  std::string endpoint;           // empty: none
  uint64_t handshake_s = 0;       // wall clock; 0: never
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
  int keepalive_s = 0;            // 0: off
};

struct InterfaceState {
  std::string private_key;  // secret
  uint16_t port = 0;
  std::map<std::string, LivePeer> peers;  // by public key
};

// `corrupt` when it does not parse; the message never shows the text, which has the private key.
[[nodiscard]] Result<InterfaceState> parse_dump(std::string_view text);

[[nodiscard]] bool has_session(const LivePeer& peer, uint64_t wall_ms);

// Where a peer without a session is tried next: the one after `current`, cyclic; the first when
// `current` is none of them; empty when there are none.
[[nodiscard]] std::string next_endpoint(const std::vector<std::string>& endpoints,
                                        std::string_view current);

struct WantedPeer {
  Peer peer;
  std::string endpoint;  // empty: left as it is
  // Removed and added in one go: it has no session to lose, and WireGuard then tries at once
  // instead of at its next retry, up to 5 s (REKEY_TIMEOUT) later.
  bool afresh = false;
};

// Arguments for `wg set INTERFACE …`; empty when all is as wanted. Peers that are right already are
// not mentioned: setting the same allowed-ips again would drop packets for a moment.
[[nodiscard]] std::vector<std::string> peer_changes(const InterfaceState& state,
                                                    const std::vector<WantedPeer>& wanted);

}  // namespace ployz

#include "drivers/wireguard/interface_state.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "drivers/wireguard/overlay_files.h"

namespace ployz {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string or_empty(std::string_view text) {
  return text == "(none)" ? "" : std::string(text);
}

std::unexpected<Error> unreadable() {
  return fail(Code::corrupt, "wg(8) printed an interface in a form unknown here");
}

// public-key, preshared-key, endpoint, allowed-ips, latest-handshake, received, sent, keepalive.
Result<LivePeer> parse_peer(const std::vector<std::string_view>& fields) {
  if (fields.size() != 8) return unreadable();
  const auto handshake = number<uint64_t>(fields[4]);
  const auto received = number<uint64_t>(fields[5]);
  const auto sent = number<uint64_t>(fields[6]);
  const auto keepalive = fields[7] == "off" ? std::optional(0) : number<int>(fields[7]);
  if (!handshake || !received || !sent || !keepalive) return unreadable();
  return LivePeer{or_empty(fields[3]), or_empty(fields[2]), *handshake, *received, *sent,
                  *keepalive};
}

void append(std::vector<std::string>& to, std::initializer_list<std::string> more) {
  to.insert(to.end(), more);
}

void append_peer(std::vector<std::string>& to, const WantedPeer& wanted) {
  append(to, {"peer", wanted.peer.public_key});
  if (!wanted.endpoint.empty()) append(to, {"endpoint", wanted.endpoint});
  append(to, {"persistent-keepalive", std::to_string(kKeepaliveSeconds), "allowed-ips",
              wanted.peer.subnet});
}

}  // namespace

Result<InterfaceState> parse_dump(std::string_view text) {
  InterfaceState state;
  bool first = true;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string_view> fields = split(line, '\t');
    if (first) {
      const auto port = fields.size() == 4 ? number<uint16_t>(fields[2]) : std::nullopt;
      if (!port) return unreadable();
      state.private_key = or_empty(fields[0]);
      state.port = *port;
      first = false;
      continue;
    }
    state.peers[std::string(fields[0])] = TRY(parse_peer(fields));
  }
  if (first) return unreadable();
  return state;
}

bool has_session(const LivePeer& peer, uint64_t wall_ms) {
  return peer.handshake_s != 0 && wall_ms < peer.handshake_s * 1000 + kSessionMs;
}

std::string next_endpoint(const std::vector<std::string>& endpoints, std::string_view current) {
  if (endpoints.empty()) return {};
  const auto found = std::ranges::find(endpoints, current);
  if (found == endpoints.end() || found + 1 == endpoints.end()) return endpoints.front();
  return *(found + 1);
}

std::vector<std::string> peer_changes(const InterfaceState& state,
                                      const std::vector<WantedPeer>& wanted) {
  std::vector<std::string> arguments;
  std::set<std::string_view> keys;
  for (const WantedPeer& each : wanted) keys.insert(each.peer.public_key);
  // First, so that a subnet is free for its new owner.
  for (const auto& [key, live] : state.peers) {
    if (!keys.contains(key)) append(arguments, {"peer", key, "remove"});
  }
  for (const WantedPeer& each : wanted) {
    const auto live = state.peers.find(each.peer.public_key);
    if (live == state.peers.end()) {
      append_peer(arguments, each);
      continue;
    }
    // The session that it had as a member ends.
    const bool revoked = each.peer.removed && live->second.allowed_ips != each.peer.subnet;
    if (each.afresh || revoked) {
      append(arguments, {"peer", each.peer.public_key, "remove"});
      append_peer(arguments, each);
      continue;
    }
    const bool right = live->second.allowed_ips == each.peer.subnet &&
                       live->second.keepalive_s == kKeepaliveSeconds &&
                       (each.endpoint.empty() || live->second.endpoint == each.endpoint);
    if (!right) append_peer(arguments, each);
  }
  return arguments;
}

}  // namespace ployz

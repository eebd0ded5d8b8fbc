#include "drivers/wireguard/wireguard_overlay.h"

#include <algorithm>
#include <cerrno>
#include <format>
#include <optional>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/files.h"
#include "base/subprocess.h"
#include "drivers/wireguard/overlay_files.h"

namespace ployz {
namespace {

constexpr std::chrono::milliseconds kToolTimeout{10000};  // each takes some 5 ms on an idle machine

const std::string kInterface(kOverlayInterface);

bool interface_exists() {
  return ::if_nametoindex(kInterface.c_str()) != 0;
}

Status run_tool(std::vector<std::string> argv, std::string input = {}) {
  RunOptions options;
  options.input = std::move(input);
  options.timeout = kToolTimeout;
  auto done = run_ok({.argv = std::move(argv)}, options);
  if (done) return {};
  Error error = std::move(done).error();
  if (error.code == Code::not_found) {
    error.code = Code::precondition;
    error.hint = "install the packages wireguard-tools, iproute2, nftables and iptables";
  }
  return fail(std::move(error).at("overlay"));
}

// Whether a command said yes; what it prints does not matter.
bool agrees(std::vector<std::string> argv) {
  const auto done = run({.argv = std::move(argv)}, {.timeout = kToolTimeout});
  return done && done->ok();
}

// Nullopt: there is no interface.
Result<std::optional<InterfaceState>> read_interface() {
  if (!interface_exists()) return std::nullopt;
  auto text = run_ok({.argv = {"wg", "show", kInterface, "dump"}}, {.timeout = kToolTimeout});
  if (!text) {
    if (!interface_exists()) return std::nullopt;  // went away meanwhile
    // Between wireguard-go's death and the unit's next start the device has no socket.
    Error error = std::move(text).error();
    if (error.code == Code::internal) error.code = Code::unavailable;
    error.effect = Effect::none;
    return fail(std::move(error).at("overlay"));
  }
  return TRY(parse_dump(*text));
}

bool kernel_has_wireguard() {
  static constexpr auto kProbe = "ployz-wgprobe";
  if (!agrees({"ip", "link", "add", "dev", kProbe, "type", "wireguard"})) return false;
  return agrees({"ip", "link", "delete", "dev", kProbe});
}

Status check_backend() {
  if (kernel_has_wireguard()) return {};
  if (!run({.argv = {"wireguard-go", "--version"}}, {.timeout = kToolTimeout})) {
    return fail(Code::precondition,
                "overlay: the kernel has no WireGuard and wireguard-go is not installed",
                "modprobe wireguard, or apt-get install wireguard-go");
  }
  const Fd tun(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (tun) return {};
  return fail(Code::precondition,
              "overlay: the kernel has no WireGuard and /dev/net/tun cannot be opened",
              "modprobe tun; a container must be given the device");
}

Status check_port(uint16_t port) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  if (socket && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 &&
      errno == EADDRINUSE) {
    return fail(Code::precondition, std::format("overlay: UDP port {} is in use", port),
                std::format("ss -lunp 'sport = {}' shows by whom", port));
  }
  return {};
}

Status ensure_forwarding() {
  (void)agrees({"iptables", "-w", "-N", "DOCKER-USER"});  // there already: fine
  for (const std::vector<std::string>& rule : forward_rules()) {
    std::vector<std::string> look{"iptables", "-w", "-C", "DOCKER-USER"};
    look.insert(look.end(), rule.begin(), rule.end());
    if (agrees(look)) continue;
    look[2] = "-I";
    TRY(run_tool(std::move(look)));
  }
  return {};
}

void remove_forwarding() {
  for (const std::vector<std::string>& rule : forward_rules()) {
    std::vector<std::string> drop{"iptables", "-w", "-D", "DOCKER-USER"};
    drop.insert(drop.end(), rule.begin(), rule.end());
    while (agrees(drop)) {
    }
  }
}

// True: it was different, or absent.
Result<bool> write_if_changed(const std::filesystem::path& path, std::string_view bytes,
                              mode_t mode) {
  if (TRY(read_file(path)) == bytes) return false;
  TRY(write_file(path, bytes, mode));
  return true;
}

}  // namespace

// True: address or route differ from what the unit, if it runs, was started with. What was only
// added needs no new start: the batch is run in any case.
Result<bool> WireguardOverlay::write_files(const OverlayConfig& config) {
  const std::string before = TRY(read_file(wg_file())).value_or("");
  const std::string firewall = TRY(read_file(nft_file())).value_or("");
  TRY(write_if_changed(nft_file(), firewall_rules(config) + std::string(removed_part(firewall)),
                       0644));
  const std::string batch = address_batch(config);
  const bool moved = !batch.starts_with(TRY(read_file(ip_file())).value_or("(none)"));
  TRY(write_if_changed(ip_file(), batch, 0644));
  // Last: the unit's condition is this file.
  TRY(write_if_changed(wg_file(), interface_section(config) + std::string(peers_part(before)),
                       0600));
  return moved;
}

Status WireguardOverlay::start(bool restart) {
  TRY(units_.ensure_started(config_.unit));
  if (restart || !interface_exists()) TRY(units_.restart(config_.unit));
  if (interface_exists()) return {};
  return fail(Code::precondition, std::format("overlay: {} left no interface", config_.unit),
              "journalctl -u " + config_.unit);
}

Status WireguardOverlay::ensure_up(const OverlayConfig& config) {
  TRY(check_config(config));
  const std::lock_guard lock(mutex_);
  const auto before = TRY(read_interface());
  if (!before) TRY(check_backend());
  if (!before || before->port != config.port) TRY(check_port(config.port));
  const bool moved = TRY(write_files(config));
  // Before the tunnel: nothing may pass it unfiltered.
  TRY(run_tool({"nft", "-f", nft_file()}));
  TRY(ensure_forwarding());
  TRY(start(before && moved));
  const auto now = TRY(read_interface());
  if (!now) return fail(Code::unavailable, "overlay: the interface went away while it came up");
  if (now->private_key != config.private_key || now->port != config.port) {
    TRY(run_tool({"wg", "syncconf", kInterface, wg_file()}));
  }
  return run_tool({"ip", "-batch", ip_file()});
}

// What of these peers was removed gets through to the peer port alone. The unit's file is written
// after it is in force: one that could not be is tried again.
Status WireguardOverlay::confine(const std::vector<Peer>& peers) {
  const auto firewall = TRY(read_file(nft_file()));
  if (!firewall) return fail(Code::precondition, "overlay: there are no firewall rules");
  const std::string wanted = std::string(rules_part(*firewall)) + removed_elements(peers);
  if (wanted == *firewall) return {};
  TRY(run_tool({"nft", "-f", "-"}, wanted));
  return write_file(nft_file(), wanted, 0644);
}

// It is called where it was last, as long as it is called at all.
WantedPeer WireguardOverlay::choose_removed(const Peer& peer, const LivePeer* live) {
  const std::string current = live == nullptr ? "" : live->endpoint;
  if (!peer.endpoints.empty()) {
    return {peer, current.empty() ? peer.endpoints.front() : current, false};
  }
  return {peer, "", !current.empty() && !has_session(*live, clock_.wall_ms())};
}

WantedPeer WireguardOverlay::choose_locked(const Peer& peer, const InterfaceState& state) {
  const auto live = state.peers.find(peer.public_key);
  if (peer.removed) return choose_removed(peer, live == state.peers.end() ? nullptr : &live->second);
  if (live != state.peers.end() && has_session(live->second, clock_.wall_ms())) {
    attempts_.erase(peer.public_key);
    return {peer, live->second.endpoint, false};
  }
  const std::string current = live == state.peers.end() ? "" : live->second.endpoint;
  const uint64_t now = clock_.steady_ms();
  const auto last = attempts_.find(peer.public_key);
  if (last != attempts_.end() && last->second.endpoint == current && !current.empty() &&
      now - last->second.since_ms < static_cast<uint64_t>(config_.endpoint_patience.count())) {
    return {peer, current, false};
  }
  const std::string next = next_endpoint(peer.endpoints, current);
  if (next.empty()) return {peer, current, false};
  attempts_[peer.public_key] = {next, now};
  return {peer, next, live != state.peers.end()};
}

Status WireguardOverlay::set_peers(const std::vector<Peer>& peers) {
  TRY(check_peers(peers));
  const std::lock_guard lock(mutex_);
  const auto state = TRY(read_interface());
  const auto stored = TRY(read_file(wg_file()));
  if (!state || !stored) {
    return fail(Code::precondition, "overlay: the interface is not up", "ensure_up comes first");
  }
  std::erase_if(attempts_, [&](const auto& attempt) {
    return std::ranges::none_of(peers,
                                [&](const Peer& peer) { return peer.public_key == attempt.first; });
  });
  TRY(confine(peers));
  std::vector<WantedPeer> wanted;
  std::map<std::string, std::string> endpoint_of;
  for (const Peer& peer : peers) {
    wanted.push_back(choose_locked(peer, *state));
    endpoint_of[peer.public_key] = wanted.back().endpoint;
  }
  TRY(write_if_changed(
      wg_file(), std::string(interface_part(*stored)) + peer_sections(peers, endpoint_of), 0600));
  std::vector<std::string> changes = peer_changes(*state, wanted);
  if (changes.empty()) return {};
  changes.insert(changes.begin(), {"wg", "set", kInterface});
  return run_tool(std::move(changes));
}

Result<std::vector<PeerStatus>> WireguardOverlay::peers() {
  const std::lock_guard lock(mutex_);
  const auto state = TRY(read_interface());
  std::vector<PeerStatus> result;
  if (!state) return result;
  const uint64_t now = clock_.wall_ms();
  for (const auto& [key, live] : state->peers) {
    PeerStatus status{key, live.endpoint, std::nullopt, live.received_bytes, live.sent_bytes};
    const uint64_t handshake_ms = live.handshake_s * 1000;
    if (handshake_ms != 0) status.handshake_age_ms = now > handshake_ms ? now - handshake_ms : 0;
    result.push_back(std::move(status));
  }
  return result;
}

Status WireguardOverlay::remove() {
  const std::lock_guard lock(mutex_);
  attempts_.clear();
  TRY(units_.ensure_stopped(config_.unit));
  if (interface_exists()) TRY(run_tool({"ip", "link", "delete", "dev", kInterface}));
  TRY(run_tool({"nft", "-f", "-"}, firewall_removal()));
  remove_forwarding();
  for (const auto& file : {wg_file(), ip_file(), nft_file()}) TRY(remove_file(file));
  std::error_code ignored;  // not empty, or absent
  std::filesystem::remove(config_.directory, ignored);
  return {};
}

}  // namespace ployz

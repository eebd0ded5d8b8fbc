// The Overlay port: WireGuard in the kernel where it has it, else wireguard-go, on the interface
// `ployz-wg`. The unit ployz-wireguard.service makes the interface, from files this driver writes:
// so it comes up at boot, and again after a crash of wireguard-go, without a daemon of ours.
//
// Files in `directory`, which the unit names: wg.conf (0600: key, port, peers with the endpoint
// that was in use last), ip.batch, firewall.nft. See overlay_files.h for what is in them and why.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "drivers/wireguard/interface_state.h"
#include "ports/clock.h"
#include "ports/overlay.h"
#include "ports/units.h"

namespace ployz {

struct WireguardConfig {
  std::filesystem::path directory = "/var/lib/ployz/wireguard";
  std::string unit = "ployz-wireguard.service";
  // A handshake is one round trip: an endpoint gets this long before the next one is tried.
  std::chrono::milliseconds endpoint_patience{2000};
};

class WireguardOverlay final : public Overlay {
 public:
  WireguardOverlay(Units& units, Clock& clock, WireguardConfig config = {})
      : units_(units), clock_(clock), config_(std::move(config)) {}

  Status ensure_up(const OverlayConfig& config) override;
  Status set_peers(const std::vector<Peer>& peers) override;
  Result<std::vector<PeerStatus>> peers() override;
  Status remove() override;

 private:
  struct Attempt {
    std::string endpoint;
    uint64_t since_ms = 0;  // steady
  };
  [[nodiscard]] std::filesystem::path wg_file() const { return config_.directory / "wg.conf"; }
  [[nodiscard]] std::filesystem::path ip_file() const { return config_.directory / "ip.batch"; }
  [[nodiscard]] std::filesystem::path nft_file() const {
    return config_.directory / "firewall.nft";
  }
  [[nodiscard]] Result<bool> write_files(const OverlayConfig& config);
  [[nodiscard]] Status start(bool restart);
  [[nodiscard]] Status confine(const std::vector<Peer>& peers);
  [[nodiscard]] WantedPeer choose_removed(const Peer& peer, const LivePeer* live);
  [[nodiscard]] WantedPeer choose_locked(const Peer& peer, const InterfaceState& state);

  Units& units_;
  Clock& clock_;
  const WireguardConfig config_;
  std::mutex mutex_;
  std::map<std::string, Attempt> attempts_;  // by key, of peers without a session
};

}  // namespace ployz

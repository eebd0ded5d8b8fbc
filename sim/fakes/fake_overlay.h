// One machine's end of the overlay in memory: remembers what it was given, and asks the world
// whether a peer answers at an endpoint. It carries no traffic.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/overlay.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

// True when this peer answers a handshake now; `endpoint` is where it is called, empty when it is
// not called but may call.
using PeerAnswers = std::function<bool(const Peer& peer, std::string_view endpoint)>;

class FakeOverlay final : public Overlay {
 public:
  // Without `answers`, every peer does, at every endpoint.
  explicit FakeOverlay(Hook& hook, PeerAnswers answers = {})
      : hook_(hook), answers_(std::move(answers)) {}

  Status ensure_up(const OverlayConfig& config) override;
  Status set_peers(const std::vector<Peer>& peers) override;
  Result<std::vector<PeerStatus>> peers() override;
  Status remove() override;

  // Without a call, for checkers. Nullopt: not up.
  [[nodiscard]] std::optional<OverlayConfig> up();
  [[nodiscard]] std::vector<Peer> wanted_peers();  // sorted by key

 private:
  struct Entry {
    Peer peer;
    std::string endpoint;
  };
  Status enter(std::string_view call, std::string_view detail);
  [[nodiscard]] bool answers(const Entry& entry) const;

  Hook& hook_;
  const PeerAnswers answers_;
  std::mutex mutex_;
  std::optional<OverlayConfig> config_;
  std::map<std::string, Entry> peers_;  // by key
};

}  // namespace ployz::sim

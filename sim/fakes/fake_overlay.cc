#include "sim/fakes/fake_overlay.h"

#include <algorithm>
#include <format>
#include <set>

#include "plan/addresses.h"

namespace ployz::sim {
namespace {

bool is_key(std::string_view text) {
  return text.size() == 44 && text.back() == '=';
}

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid, "overlay: " + std::move(message));
}

}  // namespace

Status FakeOverlay::enter(std::string_view call, std::string_view detail) {
  if (hook_.enter(call, detail, Kind::local) == Fate::normal) return {};
  return fail(Code::unavailable, "the overlay does not answer");
}

bool FakeOverlay::answers(const Entry& entry) const {
  return !answers_ || answers_(entry.peer, entry.endpoint);
}

Status FakeOverlay::ensure_up(const OverlayConfig& config) {
  TRY(enter("overlay.up", config.address));
  if (!is_key(config.private_key)) return bad("the private key does not parse");
  TRY(parse_subnet(config.cluster_cidr));
  TRY(parse_subnet(config.subnet));
  TRY(parse_ipv4(config.address));
  const std::lock_guard lock(mutex_);
  config_ = config;
  return {};
}

Status FakeOverlay::set_peers(const std::vector<Peer>& peers) {
  TRY(enter("overlay.peers", std::format("{} peers", peers.size())));
  std::set<std::string_view> keys;
  for (const Peer& peer : peers) {
    if (!is_key(peer.public_key)) return bad("a peer's key does not parse");
    if (!keys.insert(peer.public_key).second) return bad("a key is listed twice");
    TRY(parse_subnet(peer.subnet));
  }
  const std::lock_guard lock(mutex_);
  if (!config_) {
    return fail(Code::precondition, "overlay: the interface is not up", "ensure_up comes first");
  }
  std::map<std::string, Entry> next;
  for (const Peer& peer : peers) {
    const auto old = peers_.find(peer.public_key);
    Entry entry{peer, old == peers_.end() ? "" : old->second.endpoint};
    if ((old == peers_.end() || !answers(entry)) && !peer.endpoints.empty()) {
      const auto current = std::ranges::find(peer.endpoints, entry.endpoint);
      const bool last = current == peer.endpoints.end() || current + 1 == peer.endpoints.end();
      entry.endpoint = last ? peer.endpoints.front() : *(current + 1);
    }
    next.emplace(peer.public_key, std::move(entry));
  }
  peers_ = std::move(next);
  return {};
}

Result<std::vector<PeerStatus>> FakeOverlay::peers() {
  TRY(enter("overlay.status", ""));
  const std::lock_guard lock(mutex_);
  std::vector<PeerStatus> result;
  for (const auto& [key, entry] : peers_) {
    PeerStatus status;
    status.public_key = key;
    status.endpoint = entry.endpoint;
    if (answers(entry)) status.handshake_age_ms = 0;
    result.push_back(std::move(status));
  }
  return result;
}

Status FakeOverlay::remove() {
  TRY(enter("overlay.remove", ""));
  const std::lock_guard lock(mutex_);
  config_.reset();
  peers_.clear();
  return {};
}

std::optional<OverlayConfig> FakeOverlay::up() {
  const std::lock_guard lock(mutex_);
  return config_;
}

std::vector<Peer> FakeOverlay::wanted_peers() {
  const std::lock_guard lock(mutex_);
  std::vector<Peer> result;
  for (const auto& [key, entry] : peers_) result.push_back(entry.peer);
  return result;
}

}  // namespace ployz::sim

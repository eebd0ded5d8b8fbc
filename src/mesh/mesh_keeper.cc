#include "mesh/mesh_keeper.h"

#include <algorithm>
#include <format>

namespace ployz {

MeshKeeper::MeshKeeper(MeshKeeperConfig config, Ports ports)
    : config_(std::move(config)),
      ports_(std::move(ports)),
      worker_([this](const std::stop_token& stop) { run(stop); }) {}

MeshKeeper::~MeshKeeper() {
  worker_.request_stop();
  if (worker_.joinable()) worker_.join();
  // Their callbacks touch what is destroyed next.
  machines_.reset();
  invites_.reset();
}

void MeshKeeper::changed() {
  const std::lock_guard lock(mutex_);
  ++wanted_;
  wake_.notify_all();
}

// The subscriptions only say that something changed; what, is read as a whole.
void MeshKeeper::follow() {
  for (const auto& [bucket, slot] :
       {std::pair{Bucket::machines, &machines_}, {Bucket::invites, &invites_}}) {
    if (*slot) continue;
    auto watched = ports_.records.watch(bucket, [this](const Record&, bool) { changed(); });
    if (watched) *slot = *std::move(watched);
  }
}

void MeshKeeper::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    follow();
    uint64_t wanted = 0;
    bool due = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, config_.check_every, [&] { return wanted_ != finished_; });
      if (stop.stop_requested()) return;
      wanted = wanted_;
      due = wanted_ != finished_;
    }
    // Without a change: an admission may have expired.
    const Status status = due ? refresh(stop, wanted) : apply(*applied_);
    bool failed_again = false;
    {
      const std::lock_guard lock(mutex_);
      const std::string line = status ? "" : status.error().line();
      if (!line.empty() && line != last_error_ && ports_.log) {
        ports_.log("the mesh cannot be brought up to date yet: " + line);
      }
      last_error_ = line;
      if (status) finished_ = std::max(finished_, wanted);
      failed_again = !status;
      done_.notify_all();
    }
    if (failed_again) ports_.clock.sleep_for(config_.check_every, stop);
    rotate();
  }
}

Result<Roster> MeshKeeper::read() {
  Roster roster = TRY(read_roster(ports_.records));
  TRY(read_removed(ports_.records, roster));
  if (!roster.machines.empty()) return roster;
  return fail(Code::corrupt, "the store lists no machine at all",
              "was it emptied? the tunnels stay as they are");
}

Status MeshKeeper::refresh(const std::stop_token& stop, uint64_t& wanted) {
  Roster roster = TRY(read());
  const uint64_t now_ms = ports_.clock.steady_ms();
  if (ports_.users && now_ms < reload_from_ms_ &&
      store_users_of(roster, config_.self, ports_.clock.wall_ms()) != users_) {
    TRY(apply_peers(roster));
    ports_.clock.sleep_for(std::chrono::milliseconds(reload_from_ms_ - now_ms), stop);
    {
      const std::lock_guard lock(mutex_);
      wanted = wanted_;  // who asked meanwhile is served by the same reading
    }
    roster = TRY(read());
  }
  TRY(apply(roster));
  const std::lock_guard lock(mutex_);
  applied_ = std::move(roster);
  return {};
}

Status MeshKeeper::apply_peers(const Roster& roster) {
  std::vector<Peer> peers = peers_of(roster, config_.self, ports_.clock.wall_ms());
  if (peers == peers_) return {};
  TRY(ports_.overlay.set_peers(peers));
  peers_ = std::move(peers);
  rotated_at_ms_ = ports_.clock.steady_ms();
  return {};
}

// A file that cannot be written is no reason to keep the mesh from the network's members.
void MeshKeeper::remember(const Roster& roster) {
  if (ports_.seen == nullptr) return;
  const Status written = ports_.seen->update(roster.machines);
  const std::string line = written ? "" : written.error().line();
  if (!line.empty() && line != last_unwritten_ && ports_.log) {
    ports_.log("the members cannot be written down yet: " + line);
  }
  last_unwritten_ = line;
}

// Only what differs from the last time is told to the drivers.
Status MeshKeeper::apply(const Roster& roster) {
  remember(roster);
  TRY(apply_peers(roster));
  if (!ports_.users) return {};
  std::vector<StoreUser> users = store_users_of(roster, config_.self, ports_.clock.wall_ms());
  if (users == users_) return {};
  TRY(ports_.users->set(users));
  users_ = std::move(users);
  reload_from_ms_ = ports_.clock.steady_ms() + static_cast<uint64_t>(config_.reload_every.count());
  return {};
}

void MeshKeeper::rotate() {
  if (!peers_ || peers_->empty()) return;
  if (ports_.clock.steady_ms() < rotated_at_ms_ + kRotateEveryMs) return;
  rotated_at_ms_ = ports_.clock.steady_ms();
  const auto statuses = ports_.overlay.peers();
  if (!statuses || !has_silent_peer(*peers_, *statuses)) return;
  const Status tried = ports_.overlay.set_peers(*peers_);
  if (!tried && ports_.log) ports_.log("peers: " + tried.error().line());
}

Status MeshKeeper::sync(const MeshSyncRequest& request, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  while (true) {
    const uint64_t mine = ++wanted_;
    wake_.notify_all();
    if (!done_.wait_until(lock, deadline, [&] { return finished_ >= mine; })) {
      return fail(Code::timeout,
                  std::format("the mesh is not up to date{}{}", last_error_.empty() ? "" : ": ",
                              last_error_));
    }
    if (applied_->includes(request.machine, ports_.clock.wall_ms()) == request.present) return {};
    // The store says otherwise, so far: the change that is waited for may still arrive.
    done_.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() +
                                                  std::chrono::milliseconds(100)));
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Code::timeout, std::format("the store {} machine {}",
                                             request.present ? "does not list" : "still lists",
                                             request.machine.str()));
    }
  }
}

std::optional<Invite> MeshKeeper::invite(const InviteId& id) {
  const std::lock_guard lock(mutex_);
  const RecordedInvite* recorded = applied_ ? applied_->invite(id) : nullptr;
  if (recorded == nullptr || !is_guest(recorded->invite, ports_.clock.wall_ms())) return {};
  return recorded->invite;
}

Result<std::optional<Tombstone>> MeshKeeper::removal_of(const MachineId& id) {
  const std::lock_guard lock(mutex_);
  if (!applied_) return fail(Code::unavailable, "this machine has not heard of the store yet");
  if (applied_->includes(id, ports_.clock.wall_ms())) return std::nullopt;
  const auto found = std::ranges::find(
      applied_->removed, id, [](const Tombstone& tombstone) { return tombstone.machine.id; });
  if (found != applied_->removed.end()) return *found;
  return fail(Code::not_found, std::format("machine {} is not known here", id.str()));
}

bool has_silent_peer(const std::vector<Peer>& peers, const std::vector<PeerStatus>& statuses) {
  return std::ranges::any_of(peers, [&](const Peer& peer) {
    // Nothing to try: it calls us; or nobody expects it back.
    if (peer.endpoints.empty() || peer.removed) return false;
    const auto status = std::ranges::find(statuses, peer.public_key, &PeerStatus::public_key);
    if (status == statuses.end()) return true;
    return !status->handshake_age_ms || *status->handshake_age_ms > kSilentPeerMs;
  });
}

}  // namespace ployz

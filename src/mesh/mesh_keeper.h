// Keeps this machine's WireGuard peers, and on the store's machine the store's users, equal to what
// the store says: members, live admissions and the holders of invites. With the store away
// everything stays as it was, and the members can be read in the roster file.
//
// A list without any member is never acted upon: a network has at least the machine that founded
// it, so such a list is a store that was emptied, and would cut this machine off from all others.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "mesh/mesh_calls.h"
#include "mesh/roster.h"
#include "mesh/roster_file.h"
#include "mesh/store_users.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/overlay.h"

namespace ployz {

// A peer without a handshake for this long has no session (REJECT_AFTER_TIME in WireGuard's paper,
// 6.1; live sessions shake hands every two minutes): it is tried at its next endpoint…
inline constexpr uint64_t kSilentPeerMs = 180'000;
// … this often: the driver gives an endpoint two seconds, a handshake is one round trip.
inline constexpr uint64_t kRotateEveryMs = 3'000;

struct MeshKeeperConfig {
  MachineId self;
  // The store takes changed users over with a reload, in which calls of all machines get lost and
  // are repeated. So machines that come in together come in with one: the next is this long after
  // the last.
  std::chrono::milliseconds reload_every{500};
  // How often expiries and silent peers are looked for, and lists that failed are repeated.
  std::chrono::milliseconds check_every{1000};
};

class MeshKeeper {
 public:
  struct Ports {
    KeyValue& records;
    Overlay& overlay;
    StoreUsers* users;  // nullptr: another machine has the store
    Clock& clock;
    std::function<void(const std::string&)> log;
    RosterFile* seen = nullptr;  // what keeps the members for when the store is away
  };

  // Begins to follow the store. A store that is away is tried again.
  MeshKeeper(MeshKeeperConfig config, Ports ports);
  ~MeshKeeper();
  MeshKeeper(const MeshKeeper&) = delete;
  MeshKeeper& operator=(const MeshKeeper&) = delete;

  // The invite of this id, as the store said last, while its holder may ask. On any thread.
  [[nodiscard]] std::optional<Invite> invite(const InviteId& id);

  // Whether the machine was removed, as the store said last: nullopt, it is a member or may come
  // in. On any thread. `not_found`: it is neither; `unavailable`: the store was not read yet.
  [[nodiscard]] Result<std::optional<Tombstone>> removal_of(const MachineId& id);

  // The command "mesh_sync".
  [[nodiscard]] Status sync(const MeshSyncRequest& request,
                            std::chrono::milliseconds timeout = kMeshSync);

 private:
  void run(const std::stop_token& stop);
  void follow();
  void changed();
  // Reads and applies; what was applied before stays after an error. `wanted`: the refreshes that
  // this one is; more when it had to wait before it read.
  Status refresh(const std::stop_token& stop, uint64_t& wanted);
  Result<Roster> read();
  Status apply(const Roster& roster);
  Status apply_peers(const Roster& roster);
  void remember(const Roster& roster);
  void rotate();

  const MeshKeeperConfig config_;
  const Ports ports_;

  std::mutex mutex_;
  std::condition_variable_any wake_;  // of the worker
  std::condition_variable_any done_;  // of those who wait in sync()
  uint64_t wanted_ = 1;               // refreshes asked for
  uint64_t finished_ = 0;             // of those, done
  std::optional<Roster> applied_;
  std::string last_error_;

  // Of the worker only.
  std::unique_ptr<Subscription> machines_;
  std::unique_ptr<Subscription> invites_;
  std::optional<std::vector<Peer>> peers_;
  std::optional<std::vector<StoreUser>> users_;
  std::string last_unwritten_;  // why the roster file could not be written
  uint64_t rotated_at_ms_ = 0;
  uint64_t reload_from_ms_ = 0;

  std::jthread worker_;  // last: it ends before what it uses
};

// Whether a peer that we have has been silent too long. Pure.
[[nodiscard]] bool has_silent_peer(const std::vector<Peer>& peers,
                                   const std::vector<PeerStatus>& statuses);

}  // namespace ployz

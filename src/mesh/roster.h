// Who is in the network and who is coming in, as the store says now, and what follows from it for
// one machine: its WireGuard peers and, where the store is, the leaf nodes that may connect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/tombstone.h"
#include "model/admission.h"
#include "model/invite.h"
#include "model/store.h"
#include "ports/control_store.h"
#include "ports/overlay.h"

namespace ployz {

// Keys in Bucket::meta.
inline constexpr std::string_view kNetworkKey = "network";  // NetworkSettings
inline constexpr std::string_view kSubnetsKey = "subnets";  // claims, see subnets.h
inline constexpr std::string_view kStoreEpochKey = "epoch";
// Followed by the number of an epoch: the operation that made it.
inline constexpr std::string_view kStoreOperationPrefix = "epoch_operation.";

struct RecordedAdmission {
  Admission admission;
  uint64_t revision = 0;
};

struct RecordedInvite {
  Invite invite;
  uint64_t revision = 0;
};

struct Roster {
  std::vector<Machine> machines;               // sorted by id
  std::vector<RecordedAdmission> admissions;   // expired ones included
  std::vector<RecordedInvite> invites = {};    // whatever became of them
  std::vector<Tombstone> removed = {};         // only where it is read too: read_removed

  [[nodiscard]] const Machine* machine(const MachineId& id) const;
  [[nodiscard]] const RecordedAdmission* admission(const MachineId& id) const;
  [[nodiscard]] const RecordedInvite* invite(const InviteId& id) const;
  // A member, or somebody who may come in now; or, by its id, an invite whose holder may ask.
  [[nodiscard]] bool includes(const MachineId& id, uint64_t now_ms) const;
};

// Of an invite's record in Bucket::invites: its place makes it, so none has another's.
[[nodiscard]] std::string invite_key(uint16_t guest);

// An expired admission is nobody's.
[[nodiscard]] bool is_live(const Admission& admission, uint64_t now_ms);

// Whether this machine copies the store: the two longest in the network beside those that hold it. Two
// copies survive the loss of any one machine beside the store's; a copy everywhere would send each
// write to everybody. Pure.
[[nodiscard]] bool keeps_mirrors(const std::vector<Machine>& machines, const MachineId& self,
                                 const StoreEpoch& store);

// Of the store, as it says itself. `corrupt`: it does not.
[[nodiscard]] Result<uint64_t> read_store_epoch(KeyValue& records);

// Records that do not parse are left out: they must not cut off the others.
[[nodiscard]] Result<Roster> read_roster(KeyValue& records);

// Tombstones that do not parse are left out, as above. Read after the rest: a tombstone is there
// before its machine's record goes, so a machine is then in one of the two lists, or in both.
[[nodiscard]] Status read_removed(KeyValue& records, Roster& roster);

// As many of those who were removed unawares are peers still…
inline constexpr size_t kRemovedPeers = 64;
// … and are called for so long, for a member behind a NAT cannot be: a packet every five seconds to
// where they were. After that they call, and a peer without an endpoint costs nothing.
inline constexpr uint64_t kRemovedCalledMs = 30ull * 24 * 60 * 60 * 1000;
// Who is told, when it comes back, that it was removed: the newest kRemovedPeers of those that were
// not told before, as long as nobody else has their subnet, in which they still believe to be. The
// newest first. Pure.
[[nodiscard]] std::vector<Tombstone> untold(const Roster& roster, uint64_t now_ms);

// One who may connect to the store as a leaf node.
struct StoreUser {
  MachineId machine;
  std::string public_key;  // nkey "U…"
  auto operator<=>(const StoreUser&) const = default;
};

// All but `self`, without those whose record lacks the key. Sorted, a member before an admission of
// the same machine. The holders of invites are peers, and no users of the store; so is who is
// untold, at its own address and no other of its former subnet.
[[nodiscard]] std::vector<Peer> peers_of(const Roster& roster, const MachineId& self,
                                         uint64_t now_ms);
[[nodiscard]] std::vector<StoreUser> store_users_of(const Roster& roster, const MachineId& self,
                                                  uint64_t now_ms);

}  // namespace ployz

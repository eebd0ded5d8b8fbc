// Invites, from the side of the network: any member's daemon can do each part. An invite is another
// way to carry what `machine add` carries over ssh: whoever shows its token is let in by the same
// admission (admissions.h).
//
// What it promises:
// - Of all that ask with one invite, one is let in, whoever asks whom and when: its record goes
// from
//   open to used by compare-and-set, with that machine's id and keys, before anything is done for
//   it. If it is refused and nothing of it stays, the invite is open again.
// - The same machine may ask again until it is a member or the invite expires.
// - Revoked is revoked: who was about to come in is sent back.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/admissions.h"
#include "mesh/roster.h"
#include "model/invite.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/machine_rpc.h"

namespace ployz {

// From the newcomer saying what its clock shows to the comparison here, over the tunnel: only an
// earlier time can be explained by it.
inline constexpr uint64_t kJoinTransferMs = 5'000;

struct InviteWish {
  std::string name;  // of the machine; empty: its host name
  uint64_t ttl_ms = kInviteMs;
  // The public halves of what is in the token.
  std::string wireguard_public_key;
  std::string nats_public_key;
};

struct OpenedInvite {
  Invite invite;
  NetworkSettings network;
  std::vector<Machine> machines;  // that know of it, this one first
};

class Invites {
 public:
  struct Ports {
    KeyValue& records;
    MachineRpc& rpc;
    Clock& clock;
    Entropy& entropy;
    Admissions& admissions;
  };
  Invites(MachineId self, Ports ports) : self_(std::move(self)), ports_(ports) {}

  // Returns when those members know of it that the answer names. `invalid`: name or time; `exists`:
  // the name is a machine's; `precondition`: there are kGuests already, or no member takes note.
  [[nodiscard]] Result<OpenedInvite> create(const InviteWish& wish);
  // The oldest first; those that have been over for kInviteGraceMs are left out.
  [[nodiscard]] Result<std::vector<Invite>> list();
  // By id. Revoked already: success. `not_found`; `conflict`: a machine is a member by it.
  [[nodiscard]] Result<Invite> revoke(const InviteId& id);
  // An invite of this network that its store does not know any more: what a token says of it. It is
  // in the store afterwards, as it was there before if it was. `precondition`: expired, or its
  // place is taken by another one.
  [[nodiscard]] Result<Invite> import(const Invite& invite);
  // The holder of the invite, who has proved to be it, asks to come in: kPeerJoin. `denied`: the
  // invite is gone, expired, revoked or used by another machine. Otherwise as Admissions::admit.
  [[nodiscard]] Result<JoinBundle> redeem(const InviteId& id, const SelfRecord& record,
                                          std::stop_token cancel);

 private:
  [[nodiscard]] Result<RecordedInvite> find(const InviteId& id);
  [[nodiscard]] Result<uint64_t> write(const Invite& invite, uint64_t revision);
  [[nodiscard]] Result<RecordedInvite> claim(const InviteId& id, const SelfRecord& record);
  [[nodiscard]] Status sweep();
  [[nodiscard]] Result<Invite> take_place(Invite invite);
  void give_back(const RecordedInvite& claimed);
  // The members that take note of it.
  [[nodiscard]] Result<std::vector<Machine>> tell(const Invite& invite);

  const MachineId self_;
  const Ports ports_;
};

}  // namespace ployz

// An invite: one machine may come into the network by it, without anybody going there over ssh
// (docs/adr/0015). The record of the store's bucket `invites`, beside the admissions, and what is
// public of it; the secret halves of its keys are in the token alone (model/join_token.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"

namespace ployz {

using InviteId = Id<struct InviteIdTag>;

inline constexpr int kInviteVersion = 1;

inline constexpr uint64_t kInviteMs = 60 * 60 * 1000;  // when nothing else is said
inline constexpr uint64_t kMinInviteMs = 60 * 1000;
// A token is a key to the network that somebody carries around.
inline constexpr uint64_t kMaxInviteMs = 24ull * 60 * 60 * 1000;
// Its holder is told for so long that it has expired, and its record stays in the list.
inline constexpr uint64_t kInviteGraceMs = 10 * 60 * 1000;

// Where holders of tokens are on the overlay until they are machines: a range outside of every
// cluster's own, that no router forwards (RFC 3927), in pieces of kGuestPrefix, one an invite.
inline constexpr std::string_view kGuestRange = "169.254.100.0/22";
inline constexpr uint16_t kGuests = 256;  // invites at a time

// "169.254.100.4/30" of number 1, and its one address, "169.254.100.5".
[[nodiscard]] std::string guest_subnet(uint16_t guest);
[[nodiscard]] std::string guest_address(uint16_t guest);

//   open     nobody has come by it yet
//   used     by `user`, who may ask again until he is a machine; nobody else may
//   revoked  by an operator
enum class InviteState { open, used, revoked };
[[nodiscard]] std::string_view to_string(InviteState state);

// Who uses it: the very same machine, or another one.
struct InviteUser {
  MachineId machine;
  std::string name;
  std::string wireguard_public_key;
  std::string nats_public_key;
  bool operator==(const InviteUser&) const = default;
};

struct Invite {
  InviteId id;
  std::string name;    // that the machine gets; empty: its host name
  uint16_t guest = 0;  // its place in kGuestRange
  std::string wireguard_public_key;
  std::string nats_public_key;
  MachineId created_by;
  uint64_t created_at_ms = 0;
  uint64_t expires_at_ms = 0;
  InviteState state = InviteState::open;
  std::optional<InviteUser> user;
  std::string attempt;  // of the user's: no two writes of this record are alike
  bool operator==(const Invite&) const = default;
};

// Whether its holder may still ask at all, be it only to hear why he may not come in.
[[nodiscard]] bool is_guest(const Invite& invite, uint64_t now_ms);
// "open", "used", "revoked" or "expired", as people are told.
[[nodiscard]] std::string_view describe_state(const Invite& invite, uint64_t now_ms);

[[nodiscard]] Json to_json(const Invite& invite);
[[nodiscard]] Result<Invite> invite_from_json(const Json& json);

}  // namespace ployz

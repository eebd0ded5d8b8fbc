#include "model/invite.h"

#include <format>

#include "model/codec.h"

namespace ployz {

inline constexpr EnumNames<InviteState, 3> kInviteStateNames{
    {{InviteState::open, "open"}, {InviteState::used, "used"}, {InviteState::revoked, "revoked"}}};
constexpr const auto& enum_names(std::type_identity<InviteState>) {
  return kInviteStateNames;
}

template <class Codec, Like<InviteUser> T>
void fields(Codec& codec, T& user) {
  codec.field("machine", user.machine);
  codec.field("name", user.name);
  codec.field("wireguard_public_key", user.wireguard_public_key);
  codec.field("nats_public_key", user.nats_public_key);
}

template <class Codec, Like<Invite> T>
void fields(Codec& codec, T& invite) {
  codec.version("format", kInviteVersion);
  codec.field("invite", invite.id);
  codec.field("name", invite.name);
  codec.field("guest", invite.guest);
  codec.field("wireguard_public_key", invite.wireguard_public_key);
  codec.field("nats_public_key", invite.nats_public_key);
  codec.field("created_by", invite.created_by);
  codec.field("created_at_ms", invite.created_at_ms);
  codec.field("expires_at_ms", invite.expires_at_ms);
  codec.field("state", invite.state);
  codec.field("user", invite.user);
  codec.field("attempt", invite.attempt);
}

namespace {

std::string guest_text(uint16_t guest, unsigned host) {
  const unsigned offset = guest * 4u + host;
  return std::format("169.254.{}.{}", 100 + offset / 256, offset % 256);
}

}  // namespace

std::string guest_subnet(uint16_t guest) {
  return guest_text(guest, 0) + "/30";
}
std::string guest_address(uint16_t guest) {
  return guest_text(guest, 1);
}

std::string_view to_string(InviteState state) {
  return enum_to_string(state);
}

bool is_guest(const Invite& invite, uint64_t now_ms) {
  return invite.expires_at_ms + kInviteGraceMs > now_ms;
}

std::string_view describe_state(const Invite& invite, uint64_t now_ms) {
  if (invite.state == InviteState::open && invite.expires_at_ms <= now_ms) return "expired";
  return to_string(invite.state);
}

Json to_json(const Invite& invite) {
  return write_fields(invite);
}

Result<Invite> invite_from_json(const Json& json) {
  Invite invite = TRY(read_fields<Invite>(json));
  if (invite.guest >= kGuests) return fail(Code::invalid, "'guest' is too large");
  if ((invite.state == InviteState::used) != invite.user.has_value()) {
    return fail(Code::invalid, "'user' is of a used invite, and of no other");
  }
  return invite;
}

}  // namespace ployz

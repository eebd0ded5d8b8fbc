#include "model/invite.h"

#include "model/testing.h"

namespace ployz {
namespace {

Invite sample() {
  Invite invite;
  invite.id = InviteId("01arz3ndektsv4rrffq69g5fav");
  invite.name = "web-1";
  invite.guest = 64;
  invite.wireguard_public_key = "wg=";
  invite.nats_public_key = "UABC";
  invite.created_by = MachineId("01arz3ndektsv4rrffq69g5fa1");
  invite.created_at_ms = 1'700'000'000'000;
  invite.expires_at_ms = invite.created_at_ms + kInviteMs;
  invite.state = InviteState::used;
  invite.user = InviteUser{MachineId("01arz3ndektsv4rrffq69g5fa2"), "web-1", "wg2=", "UDEF"};
  invite.attempt = "00000000000000ff";
  return invite;
}

TEST(Invite, Goldens) {
  testing::expect_golden("invite/v1.json", to_json(sample()));
  for (const Json& golden : testing::goldens("invite")) {
    const auto invite = invite_from_json(golden);
    ASSERT_TRUE(invite) << invite.error().line();
    EXPECT_EQ(*invite, sample());
  }
}

TEST(Invite, OnlyWhatMakesSenseIsRead) {
  Invite invite = sample();
  invite.guest = kGuests;
  EXPECT_FALSE(invite_from_json(to_json(invite)));
  invite = sample();
  invite.user.reset();
  EXPECT_FALSE(invite_from_json(to_json(invite)));
  invite.state = InviteState::open;
  EXPECT_TRUE(invite_from_json(to_json(invite)));
}

TEST(Invite, GuestsHavePlacesOfTheirOwn) {
  EXPECT_EQ(guest_subnet(0), "169.254.100.0/30");
  EXPECT_EQ(guest_address(0), "169.254.100.1");
  EXPECT_EQ(guest_address(63), "169.254.100.253");
  EXPECT_EQ(guest_subnet(64), "169.254.101.0/30");
  EXPECT_EQ(guest_address(kGuests - 1), "169.254.103.253") << "the last of kGuestRange";
}

TEST(Invite, IsToldToHaveExpired) {
  Invite invite = sample();
  const uint64_t end = invite.expires_at_ms;
  EXPECT_EQ(describe_state(invite, end), "used");
  invite.user.reset();
  invite.state = InviteState::open;
  EXPECT_EQ(describe_state(invite, end - 1), "open");
  EXPECT_EQ(describe_state(invite, end), "expired");
  EXPECT_TRUE(is_guest(invite, end)) << "so that it can be told";
  EXPECT_FALSE(is_guest(invite, end + kInviteGraceMs));
  invite.state = InviteState::revoked;
  EXPECT_EQ(describe_state(invite, end), "revoked");
}

}  // namespace
}  // namespace ployz

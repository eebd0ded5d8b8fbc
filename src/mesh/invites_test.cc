// Invites on the simulator's store and network, with members that take note of everything.
#include "mesh/invites.h"

#include <atomic>
#include <latch>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "drivers/os/system_clock.h"
#include "mesh/subnets.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_rpc.h"
#include "sim/fakes/fake_store.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

MachineId machine_id(int number) {
  return MachineId(std::format("01arz3ndektsv4rrffq69g5f{:02}", number));
}

class MovedClock final : public Clock {
 public:
  std::atomic<uint64_t> ahead_ms = 0;
  uint64_t wall_ms() override { return system_clock_.wall_ms() + ahead_ms; }
  uint64_t steady_ms() override { return system_clock_.steady_ms(); }
  bool sleep_for(milliseconds duration, std::stop_token stop) override {
    return system_clock_.sleep_for(duration, std::move(stop));
  }

 private:
  SystemClock system_clock_;
};

// One daemon of the network.
struct Daemon {
  Daemon(const MachineId& id, KeyValue& store, MachineRpc& rpc, Clock& clock, uint64_t seed)
      : entropy(seed),
        admissions({id, "0.1.0", {}, milliseconds(50), milliseconds(5), milliseconds(0)},
                   {store, rpc, clock, entropy}),
        invites(id, {store, rpc, clock, entropy, admissions}) {}
  sim::SeededEntropy entropy;
  Admissions admissions;
  Invites invites;
};

class InvitesTest : public testing::Test {
 protected:
  InvitesTest() {
    const NetworkSettings network{"lab", "10.101.0.0/16", 24, "cluster.local", "ployz.local"};
    EXPECT_TRUE(store_.create(Bucket::meta, kNetworkKey, to_text(to_json(network))));
    EXPECT_TRUE(store_.create(Bucket::meta, kStoreEpochKey, "1"));
    for (int number = 1; number <= 2; ++number) {
      Machine machine;
      machine.id = machine_id(number);
      machine.name = std::format("m{}", number);
      machine.subnet = std::format("10.101.{}.0/24", number - 1);
      machine.stores = number == 1;
      EXPECT_TRUE(store_.create(Bucket::machines, machine.id.str(), to_text(to_json(machine))));
      served_.push_back(rpc_.serve(machine.id, Target::agent,
                                   [this, number](const std::string& command, const Json& request) {
                                     return answer(number, command, request);
                                   })
                            .value());
    }
  }

  Result<Json> answer(int number, const std::string& command, const Json& request) {
    if (on_call) on_call(command, request);
    if (silent == number) return fail(Code::timeout, "it does not take note");
    return Json::object();
  }
  SelfRecord record(int number) {
    const auto letter = static_cast<char>('a' + number);
    return {machine_id(number),
            std::format("host-{}", number),
            "0.1.0",
            std::string(43, letter) + "=",
            "U" + std::string(55, static_cast<char>(letter - 'a' + 'A')),
            {"192.0.2.8:51820"},
            clock_.wall_ms()};
  }
  Invite open(const std::string& name = "", uint64_t ttl_ms = kInviteMs) {
    const auto opened = one_.invites.create({name, ttl_ms, std::string(43, 'z') + "=", "UZ"});
    EXPECT_TRUE(opened) << opened.error().line();
    return opened ? opened->invite : Invite();
  }
  Result<JoinBundle> redeem(const Invite& invite, int number) {
    return two_.invites.redeem(invite.id, record(number), {});
  }
  void expect_denied(const Result<JoinBundle>& bundle, std::string_view why) {
    ASSERT_FALSE(bundle);
    EXPECT_EQ(bundle.error().code, Code::denied) << bundle.error().line();
    EXPECT_EQ(bundle.error().effect, Effect::none);
    EXPECT_TRUE(bundle.error().message.contains(why)) << bundle.error().message;
    EXPECT_FALSE(bundle.error().hint.empty());
  }
  // Admissions, that is.
  size_t coming() { return read_roster(store_).value().admissions.size(); }
  Invite now(const Invite& invite) { return read_roster(store_).value().invite(invite.id)->invite; }

  sim::NoHook hook_;
  MovedClock clock_;
  sim::FakeStore store_{hook_};
  sim::FakeRpc rpc_{hook_};
  std::function<void(const std::string&, const Json&)> on_call;
  std::atomic<int> silent = 0;
  Daemon one_{machine_id(1), store_, rpc_, clock_, 7};
  Daemon two_{machine_id(2), store_, rpc_, clock_, 8};
  std::vector<std::unique_ptr<Subscription>> served_;
};

TEST_F(InvitesTest, WhoeverShowsItIsAdmittedAsMachineAddAdmits) {
  const Invite invite = open("web-1");
  EXPECT_EQ(invite.state, InviteState::open);
  const auto bundle = redeem(invite, 20);
  ASSERT_TRUE(bundle) << bundle.error().line();
  EXPECT_EQ(bundle->network.name, "lab");
  EXPECT_EQ(bundle->admission.machine.name, "web-1");
  EXPECT_EQ(bundle->admission.machine.subnet, "10.101.2.0/24");
  EXPECT_EQ(bundle->machines.size(), 2u);
  EXPECT_EQ(now(invite).state, InviteState::used);
  EXPECT_EQ(now(invite).user->name, "web-1");
  EXPECT_EQ(one_.invites.list().value(), std::vector<Invite>{now(invite)});
}

TEST_F(InvitesTest, ItsHolderIsAPeerAndNoUserOfTheStore) {
  const Invite invite = open();
  const Roster roster = read_roster(store_).value();
  const auto peers = peers_of(roster, machine_id(1), clock_.wall_ms());
  ASSERT_EQ(peers.size(), 1u) << "m2 has no key here";
  EXPECT_EQ(peers[0], (Peer{invite.wireguard_public_key, guest_subnet(invite.guest), {}}));
  EXPECT_TRUE(store_users_of(roster, machine_id(1), clock_.wall_ms()).empty());
  EXPECT_TRUE(roster.includes(MachineId(invite.id.str()), clock_.wall_ms()));
  const uint64_t over = invite.expires_at_ms + kInviteGraceMs;
  EXPECT_TRUE(peers_of(roster, machine_id(1), over).empty());
  EXPECT_FALSE(roster.includes(MachineId(invite.id.str()), over));
}

TEST_F(InvitesTest, TheSameMachineMayAskAgainAndNobodyElse) {
  const Invite invite = open();
  const auto first = redeem(invite, 20);
  const auto again = redeem(invite, 20);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(again->admission.machine.subnet, first->admission.machine.subnet);
  expect_denied(redeem(invite, 21), "has been used already, by machine host-20");
  // Who says that it is that machine, and has other keys.
  SelfRecord impostor = record(21);
  impostor.id = machine_id(20);
  expect_denied(one_.invites.redeem(invite.id, impostor, {}), "used already");
  EXPECT_EQ(coming(), 1u);
}

TEST_F(InvitesTest, OfManyAtOnceOneComesIn) {
  constexpr int kAsking = 6;
  std::vector<std::unique_ptr<Daemon>> daemons;  // each asks one of its own
  for (uint64_t i = 0; i < kAsking; ++i) {
    daemons.push_back(std::make_unique<Daemon>(machine_id(1), store_, rpc_, clock_, 100 + i));
  }
  for (int round = 0; round < 20; ++round) {
    const Invite invite = open();
    std::latch start(kAsking);
    std::atomic<int> admitted = 0;
    std::atomic<int> denied = 0;
    {
      std::vector<std::jthread> asking;
      for (int i = 0; i < kAsking; ++i) {
        asking.emplace_back([&, i] {
          const SelfRecord mine = record(20 + i);
          start.arrive_and_wait();
          const auto bundle = daemons[static_cast<size_t>(i)]->invites.redeem(invite.id, mine, {});
          ++(bundle ? admitted : denied);
          EXPECT_TRUE(bundle || bundle.error().code == Code::denied);
        });
      }
    }
    EXPECT_EQ(admitted, 1);
    EXPECT_EQ(denied, kAsking - 1);
    ASSERT_EQ(coming(), 1u);
    ASSERT_TRUE(one_.admissions.withdraw(now(invite).user->machine));
    ASSERT_TRUE(one_.invites.revoke(invite.id));
  }
}

TEST_F(InvitesTest, WhoIsRefusedDoesNotUseItUp) {
  const Invite invite = open();
  silent = 1;  // a member that does not take note of the machine
  const auto refused = redeem(invite, 20);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_EQ(now(invite).state, InviteState::open);
  EXPECT_EQ(coming(), 0u);
  EXPECT_EQ(claimed_subnet(store_, machine_id(20)).value(), std::nullopt);
  silent = 0;
  EXPECT_TRUE(redeem(invite, 21));

  SelfRecord newer = record(22);
  newer.version = "7.0.0";
  const Invite another = open();
  EXPECT_EQ(two_.invites.redeem(another.id, newer, {}).error().code, Code::precondition);
  SelfRecord late = record(22);
  late.clock_ms -= 60'000;
  EXPECT_EQ(two_.invites.redeem(another.id, late, {}).error().code, Code::precondition);
  EXPECT_EQ(now(another).state, InviteState::open);
}

TEST_F(InvitesTest, AnExpiredOneIsToldSoAndForgotten) {
  const Invite invite = open("", kMinInviteMs);
  clock_.ahead_ms += kMinInviteMs;
  expect_denied(redeem(invite, 20), "has expired");
  EXPECT_EQ(one_.invites.list()->size(), 1u);
  clock_.ahead_ms += kInviteGraceMs;
  EXPECT_TRUE(one_.invites.list()->empty());
  const Invite next = open();
  EXPECT_EQ(next.guest, invite.guest) << "its place is free again";
  expect_denied(redeem(invite, 20), "there is no invite");
  EXPECT_EQ(coming(), 0u);
}

TEST_F(InvitesTest, AMachineThatUsesItMayNotComeBackWhenItHasExpired) {
  const Invite invite = open("", kMinInviteMs);
  ASSERT_TRUE(redeem(invite, 20));
  clock_.ahead_ms += kMinInviteMs;
  expect_denied(redeem(invite, 20), "has expired");
}

TEST_F(InvitesTest, ARevokedOneLetsNobodyIn) {
  const Invite invite = open();
  ASSERT_TRUE(two_.invites.revoke(invite.id));
  EXPECT_EQ(one_.invites.revoke(invite.id)->state, InviteState::revoked) << "once more: nothing";
  expect_denied(redeem(invite, 20), "was revoked");
  EXPECT_EQ(one_.invites.revoke(InviteId("01arz3ndektsv4rrffq69g5fzz")).error().code,
            Code::not_found);
  EXPECT_EQ(coming(), 0u);
}

TEST_F(InvitesTest, WhoIsOnTheWayWhenItIsRevokedIsSentBack) {
  const Invite before = open();
  ASSERT_TRUE(redeem(before, 20));
  ASSERT_TRUE(one_.invites.revoke(before.id));
  EXPECT_EQ(coming(), 0u);
  // In the middle of being let in.
  const Invite during = open();
  std::atomic<bool> once = true;
  on_call = [&](const std::string& command, const Json& request) {
    if (command != "mesh_sync" || request["machine"] != machine_id(21).str()) return;
    if (once.exchange(false)) {
      EXPECT_TRUE(one_.invites.revoke(during.id));
    }
  };
  EXPECT_FALSE(redeem(during, 21));
  EXPECT_EQ(coming(), 0u);
  EXPECT_EQ(now(during).state, InviteState::revoked);
}

TEST_F(InvitesTest, TheInviteOfAMemberIsNotRevoked) {
  const Invite invite = open();
  const auto bundle = redeem(invite, 20);
  ASSERT_TRUE(bundle);
  const Machine& machine = bundle->admission.machine;
  ASSERT_TRUE(store_.create(Bucket::machines, machine.id.str(), to_text(to_json(machine))));
  const auto revoked = one_.invites.revoke(invite.id);
  ASSERT_FALSE(revoked);
  EXPECT_EQ(revoked.error().code, Code::conflict);
  EXPECT_TRUE(revoked.error().hint.contains("machine rm")) << revoked.error().line();
  EXPECT_EQ(redeem(invite, 20).error().code, Code::exists) << "a member already";
  EXPECT_EQ(now(invite).state, InviteState::used);
}

TEST_F(InvitesTest, OnlyMembersThatTakeNoteAreAsked) {
  silent = 1;
  const auto opened = one_.invites.create({"", kInviteMs, "wg", "U"});
  ASSERT_TRUE(opened) << opened.error().line();
  ASSERT_EQ(opened->machines.size(), 1u);
  EXPECT_EQ(opened->machines[0].name, "m2");
  silent = 0;
  const auto all = two_.invites.create({"", kInviteMs, "wg2", "U"});
  ASSERT_EQ(all->machines.size(), 2u);
  EXPECT_EQ(all->machines[0].name, "m2") << "itself first";
  EXPECT_NE(all->invite.guest, opened->invite.guest);
}

TEST_F(InvitesTest, WhatCannotBeIsRefused) {
  EXPECT_EQ(one_.invites.create({"m2", kInviteMs, "wg", "U"}).error().code, Code::exists);
  EXPECT_EQ(one_.invites.create({"No", kInviteMs, "wg", "U"}).error().code, Code::invalid);
  EXPECT_EQ(one_.invites.create({"", kMinInviteMs - 1, "wg", "U"}).error().code, Code::invalid);
  EXPECT_EQ(one_.invites.create({"", kMaxInviteMs + 1, "wg", "U"}).error().code, Code::invalid);
  EXPECT_TRUE(one_.invites.list()->empty());
}

TEST_F(InvitesTest, PlacesAreBounded) {
  for (int i = 0; i < kGuests; ++i) ASSERT_TRUE(one_.invites.create({"", kInviteMs, "wg", "U"}));
  const auto more = one_.invites.create({"", kInviteMs, "wg", "U"});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::precondition);
  std::set<uint16_t> places;
  const auto all = one_.invites.list().value();
  for (const Invite& invite : all) places.insert(invite.guest);
  EXPECT_EQ(places.size(), size_t{kGuests});
}

TEST_F(InvitesTest, AForgottenOneIsImported) {
  const Invite invite = open();
  EXPECT_EQ(one_.invites.import(invite)->state, InviteState::open) << "known: as it is";
  const auto record = store_.get(Bucket::invites, invite_key(invite.guest)).value();
  ASSERT_TRUE(store_.remove(Bucket::invites, record->key, record->revision));
  expect_denied(redeem(invite, 20), "there is no invite");
  ASSERT_TRUE(two_.invites.import(invite));
  EXPECT_TRUE(redeem(invite, 20));
  // Neither used nor revoked ones become good by it.
  EXPECT_EQ(one_.invites.import(invite)->state, InviteState::used);
  Invite elsewhere = invite;
  elsewhere.id = InviteId("01arz3ndektsv4rrffq69g5fzz");
  EXPECT_EQ(one_.invites.import(elsewhere).error().code, Code::precondition)
      << "its place is taken";
  clock_.ahead_ms += kInviteMs;
  EXPECT_EQ(one_.invites.import(invite).error().code, Code::precondition);
}

}  // namespace
}  // namespace ployz

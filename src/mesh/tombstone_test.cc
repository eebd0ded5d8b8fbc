#include "mesh/tombstone.h"

#include <gtest/gtest.h>

#include "mesh/roster.h"
#include "sim/fakes/fake_store.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

Machine machine(int number) {
  Machine machine;
  machine.id = MachineId(std::format("m{}", number));
  machine.name = machine.id.str();
  machine.subnet = std::format("10.101.{}.0/24", number);
  machine.overlay_address = std::format("10.101.{}.1", number);
  machine.endpoints = {"192.0.2.7:51820"};
  machine.wireguard_public_key = std::format("wg-{}", number);
  machine.nats_public_key = std::format("U-{}", number);
  return machine;
}

Tombstone removed(int number, uint64_t at_ms, bool told = false) {
  return {machine(number), {OperationId("op"), at_ms, true}, told};
}

std::vector<Machine> named(const std::vector<Tombstone>& tombstones) {
  std::vector<Machine> machines;
  for (const Tombstone& tombstone : tombstones) machines.push_back(tombstone.machine);
  return machines;
}

TEST(Tombstone, IsReadAsWritten) {
  const Tombstone tombstone = removed(3, 1234);
  EXPECT_EQ(tombstone_from_json(to_json(tombstone)), tombstone);
  // As a version without notices wrote it.
  const Json former{{"machine", to_json(machine(3))}, {"removed_at_ms", 1234U}};
  const auto read = tombstone_from_json(former);
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(read->notice.removed_at_ms, 1234u);
  EXPECT_TRUE(read->told);
  EXPECT_FALSE(tombstone_from_json(Json{{"removed_at_ms", 1234U}}));
}

TEST(Tombstone, OneThatDoesNotParseHidesNoOther) {
  sim::NoHook hook;
  sim::FakeStore store{hook};
  ASSERT_TRUE(store.create(Bucket::meta, "removed/m3", to_text(to_json(removed(3, 1)))));
  ASSERT_TRUE(store.create(Bucket::meta, "removed/m4", "{}"));
  ASSERT_TRUE(store.create(Bucket::meta, "network", to_text(to_json(removed(5, 1)))));
  Roster roster;
  ASSERT_TRUE(read_removed(store, roster));
  EXPECT_EQ(roster.removed, std::vector{removed(3, 1)});
  EXPECT_FALSE(read_tombstones(store)) << "whoever decides by them must know";
}

TEST(Untold, AreThoseWhoDoNotKnowTheNewestFirst) {
  Roster roster;
  roster.machines = {machine(1)};
  roster.removed = {removed(3, 10), removed(4, 20), removed(5, 30, true)};
  EXPECT_EQ(named(untold(roster, 0)), (std::vector{machine(4), machine(3)}));
}

TEST(Untold, NobodyIsOneWhoseSubnetIsAnothers) {
  Roster roster;
  roster.machines = {machine(1)};
  roster.removed = {removed(3, 10), removed(4, 20)};
  Machine newcomer = machine(9);
  newcomer.subnet = machine(3).subnet;
  roster.admissions = {{{newcomer, OperationId("op"), 1000}, 1}};
  EXPECT_EQ(named(untold(roster, 999)), std::vector{machine(4)});
  EXPECT_EQ(untold(roster, 1000).size(), 2u) << "the admission has expired";
  roster.machines.push_back(newcomer);
  EXPECT_EQ(named(untold(roster, 1000)), std::vector{machine(4)});
  // Removed in its turn, the newcomer is who comes back to it.
  roster.machines.pop_back();
  roster.admissions.clear();
  roster.removed.push_back({newcomer, {OperationId("op"), 30, true}, false});
  EXPECT_EQ(named(untold(roster, 0)), (std::vector{newcomer, machine(4)}));
}

TEST(Untold, AreNoMoreThanTheirPlaces) {
  Roster roster;
  for (int number = 1; number <= 100; ++number) {
    roster.removed.push_back(removed(number, static_cast<uint64_t>(number)));
  }
  const auto found = untold(roster, 0);
  ASSERT_EQ(found.size(), kRemovedPeers);
  EXPECT_EQ(found.front().machine, machine(100));
}

TEST(Untold, ArePeersAtTheirOwnAddressCalledForAWhileAndNoUsers) {
  Roster roster;
  roster.machines = {machine(1), machine(2)};
  roster.removed = {removed(3, 10)};
  const auto peers = peers_of(roster, machine(1).id, 0);
  ASSERT_EQ(peers.size(), 2u);
  EXPECT_EQ(peers[0], (Peer{"wg-2", "10.101.2.0/24", {"192.0.2.7:51820"}}));
  EXPECT_EQ(peers[1], (Peer{"wg-3", "10.101.3.0/30", {"192.0.2.7:51820"}, true}));
  EXPECT_EQ(peers_of(roster, machine(1).id, 10 + kRemovedCalledMs)[1],
            (Peer{"wg-3", "10.101.3.0/30", {}, true}));
  EXPECT_EQ(store_users_of(roster, machine(1).id, 0).size(), 1u);
  EXPECT_FALSE(roster.includes(machine(3).id, 0));
  // A key is one peer's.
  roster.machines[1].wireguard_public_key = "wg-3";
  EXPECT_EQ(peers_of(roster, machine(1).id, 0).size(), 1u);
}

}  // namespace
}  // namespace ployz

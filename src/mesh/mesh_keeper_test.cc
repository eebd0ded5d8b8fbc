#include "mesh/mesh_keeper.h"

#include <gtest/gtest.h>

#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_store.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// A value that a test waits for.
template <class T>
class Watched {
 public:
  void set(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    ++sets_;
    changed_.notify_all();
  }
  bool await(const std::function<bool(const T&, int sets)>& wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return wanted(value_, sets_); });
  }
  T get() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  T value_{};
  int sets_ = 0;
};

class PeersOnly final : public Overlay {
 public:
  Watched<std::vector<Peer>> set;
  std::atomic<bool> fails = false;

  Status ensure_up(const OverlayConfig&) override { return {}; }
  Status set_peers(const std::vector<Peer>& peers) override {
    if (fails) return fail(Code::unavailable, "no interface");
    set.set(peers);
    return {};
  }
  Result<std::vector<PeerStatus>> peers() override {
    std::vector<PeerStatus> statuses;
    for (const Peer& peer : set.get()) statuses.push_back({peer.public_key, "", {}, 0, 0});
    return statuses;
  }
  Status remove() override { return {}; }
};

class UsersOnly final : public StoreUsers {
 public:
  Watched<std::vector<StoreUser>> users;
  Status set(const std::vector<StoreUser>& leaves) override {
    users.set(leaves);
    return {};
  }
};

class SteppedClock final : public Clock {
 public:
  std::atomic<uint64_t> ahead_ms = 0;
  uint64_t wall_ms() override { return system_clock_.wall_ms() + ahead_ms; }
  uint64_t steady_ms() override { return system_clock_.steady_ms() + ahead_ms; }
  bool sleep_for(milliseconds duration, std::stop_token stop) override {
    return system_clock_.sleep_for(duration, std::move(stop));
  }

 private:
  SystemClock system_clock_;
};

class MeshKeeperTest : public testing::Test {
 protected:
  MeshKeeperTest() { add(machine("m1", 1)); }

  static Machine machine(const std::string& name, int number) {
    Machine machine;
    machine.id = MachineId(name);
    machine.name = name;
    machine.subnet = std::format("10.101.{}.0/24", number - 1);
    machine.wireguard_public_key = "wg-" + name;
    machine.nats_public_key = "U-" + name;
    machine.endpoints = {std::format("192.0.2.{}:51820", number)};
    return machine;
  }
  uint64_t add(const Machine& machine) {
    return store_.create(Bucket::machines, machine.id.str(), to_text(to_json(machine))).value();
  }
  uint64_t admit(const Machine& machine) {
    const Admission admission{machine, OperationId("op"), clock_.wall_ms() + kAdmissionMs};
    return store_.create(Bucket::invites, machine.id.str(), to_text(to_json(admission))).value();
  }
  void start(bool stores = true, milliseconds reload_every = milliseconds(0)) {
    keeper_ = std::make_unique<MeshKeeper>(
        MeshKeeperConfig{MachineId("m1"), reload_every, milliseconds(5)},
        MeshKeeper::Ports{store_, overlay_, stores ? &users_ : nullptr, clock_, {}});
  }
  bool await_peers(size_t count) {
    return overlay_.set.await(
        [&](const std::vector<Peer>& peers, int sets) { return sets > 0 && peers.size() == count; });
  }

  sim::NoHook hook_;
  sim::FakeStore store_{hook_};
  SteppedClock clock_;
  PeersOnly overlay_;
  UsersOnly users_;
  std::unique_ptr<MeshKeeper> keeper_;
};

TEST_F(MeshKeeperTest, PeersAreTheOtherMembersAndWhoMayComeIn) {
  add(machine("m2", 2));
  admit(machine("m3", 3));
  start();
  ASSERT_TRUE(await_peers(2));
  EXPECT_EQ(overlay_.set.get()[0],
            (Peer{"wg-m2", "10.101.1.0/24", {"192.0.2.2:51820"}}));
  ASSERT_TRUE(users_.users.await([](const auto& users, int) { return users.size() == 2; }));
  EXPECT_EQ(users_.users.get()[1], (StoreUser{MachineId("m3"), "U-m3"}));
}

TEST_F(MeshKeeperTest, ChangesAreFollowed) {
  start();
  ASSERT_TRUE(await_peers(0));
  const uint64_t revision = admit(machine("m2", 2));
  ASSERT_TRUE(await_peers(1));
  ASSERT_TRUE(store_.remove(Bucket::invites, "m2", revision));
  ASSERT_TRUE(await_peers(0));
}

TEST_F(MeshKeeperTest, AnAdmissionThatExpiresIsNobodys) {
  admit(machine("m2", 2));
  start();
  ASSERT_TRUE(await_peers(1));
  clock_.ahead_ms += kAdmissionMs;
  EXPECT_TRUE(await_peers(0));
}

TEST_F(MeshKeeperTest, SyncAnswersWhenTheChangeIsApplied) {
  start();
  admit(machine("m2", 2));
  EXPECT_TRUE(keeper_->sync({MachineId("m2"), true}));
  EXPECT_EQ(overlay_.set.get().size(), 1u);
  EXPECT_EQ(users_.users.get().size(), 1u);
  EXPECT_TRUE(keeper_->sync({MachineId("m3"), false}));
}

TEST_F(MeshKeeperTest, MachinesThatComeInTogetherAreOneReload) {
  start(true, milliseconds(200));
  ASSERT_TRUE(users_.users.await([](const auto&, int sets) { return sets == 1; }));
  std::vector<std::jthread> admissions;
  std::atomic<int> in = 0;
  for (int number = 2; number < 10; ++number) {
    const std::string name = std::format("m{}", number);
    admit(machine(name, number));
    admissions.emplace_back([&, name] { in += keeper_->sync({MachineId(name), true}).has_value(); });
  }
  // Tunnels do not wait for it.
  ASSERT_TRUE(overlay_.set.await([](const auto& peers, int) { return !peers.empty(); }));
  admissions.clear();
  EXPECT_EQ(in, 8);
  EXPECT_TRUE(users_.users.await([](const auto& users, int sets) {
    return users.size() == 8 && sets <= 3;  // one, unless this test was stopped for long
  }));
}

TEST_F(MeshKeeperTest, SyncIsBounded) {
  start();
  const Status late = keeper_->sync({MachineId("m2"), true}, milliseconds(30));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timeout);
  overlay_.fails = true;
  admit(machine("m2", 2));
  const Status broken = keeper_->sync({MachineId("m2"), true}, milliseconds(50));
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.contains("no interface")) << broken.error().message;
  overlay_.fails = false;
  EXPECT_TRUE(keeper_->sync({MachineId("m2"), true}));
}

TEST_F(MeshKeeperTest, AStoreWithoutAnyMachineChangesNothing) {
  add(machine("m2", 2));
  start();
  ASSERT_TRUE(await_peers(1));
  for (const Record& record : store_.records(Bucket::machines)) {
    if (record.key == "m2") continue;
    ASSERT_TRUE(store_.remove(Bucket::machines, record.key, record.revision));
  }
  const auto last = store_.records(Bucket::machines).front();
  ASSERT_TRUE(store_.remove(Bucket::machines, last.key, last.revision));
  EXPECT_FALSE(keeper_->sync({MachineId("m2"), false}, milliseconds(50)));
  EXPECT_EQ(overlay_.set.get().size(), 1u);
}

TEST_F(MeshKeeperTest, ASilentPeerIsTriedAtItsNextEndpoint) {
  add(machine("m2", 2));
  start();
  ASSERT_TRUE(await_peers(1));
  clock_.ahead_ms += kRotateEveryMs;
  EXPECT_TRUE(overlay_.set.await([](const auto&, int sets) { return sets >= 2; }));
}

TEST_F(MeshKeeperTest, OnAnotherMachineThereAreNoUsersToKeep) {
  admit(machine("m2", 2));
  start(false);
  EXPECT_TRUE(keeper_->sync({MachineId("m2"), true}));
  EXPECT_TRUE(users_.users.get().empty());
}

TEST_F(MeshKeeperTest, OneThatWasRemovedUnawaresIsAPeerStillAndIsTold) {
  Machine gone = machine("m2", 2);
  gone.overlay_address = "10.101.1.1";
  const uint64_t revision = add(gone);
  start();
  ASSERT_TRUE(await_peers(1));
  EXPECT_EQ(keeper_->removal_of(gone.id).value(), std::nullopt) << "it is a member";
  const Tombstone tombstone{gone, {OperationId("op"), clock_.wall_ms(), true}, false};
  ASSERT_TRUE(store_.create(Bucket::meta, "removed/m2", to_text(to_json(tombstone))));
  ASSERT_TRUE(store_.remove(Bucket::machines, "m2", revision));
  ASSERT_TRUE(keeper_->sync({gone.id, false}));
  EXPECT_EQ(overlay_.set.get(), (std::vector<Peer>{{"wg-m2", "10.101.1.0/30", {"192.0.2.2:51820"}, true}}));
  EXPECT_TRUE(users_.users.get().empty());
  EXPECT_EQ(keeper_->removal_of(gone.id).value(), tombstone);
  EXPECT_EQ(keeper_->removal_of(MachineId("m9")).error().code, Code::not_found);
}

TEST_F(MeshKeeperTest, WhoHasNotReadTheStoreSaysNothingOfAnybody) {
  overlay_.fails = true;
  start();
  EXPECT_EQ(keeper_->removal_of(MachineId("m1")).error().code, Code::unavailable);
}

TEST(SilentPeer, IsOneWithoutARecentHandshakeThatHasAnEndpoint) {
  const std::vector<Peer> peers{{"a", "10.101.1.0/24", {"192.0.2.2:51820"}}};
  EXPECT_TRUE(has_silent_peer(peers, {}));
  EXPECT_TRUE(has_silent_peer(peers, {{"a", "", {}, 0, 0}}));
  EXPECT_TRUE(has_silent_peer(peers, {{"a", "", kSilentPeerMs + 1, 0, 0}}));
  EXPECT_FALSE(has_silent_peer(peers, {{"a", "", kSilentPeerMs, 0, 0}}));
  EXPECT_FALSE(has_silent_peer({{"a", "10.101.1.0/24", {}}}, {}));
  EXPECT_FALSE(has_silent_peer({{"a", "10.101.1.0/30", {"192.0.2.2:51820"}, true}}, {}));
}

TEST_F(MeshKeeperTest, MembersAreWrittenDownAndAdmissionsAreNot) {
  std::string pattern = std::filesystem::temp_directory_path() / "ployz-keeper-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  RosterFile seen(std::filesystem::path(pattern) / "roster.json", "lab", {});
  admit(machine("m2", 2));
  keeper_ = std::make_unique<MeshKeeper>(
      MeshKeeperConfig{MachineId("m1"), milliseconds(0), milliseconds(5)},
      MeshKeeper::Ports{store_, overlay_, &users_, clock_, {}, &seen});
  ASSERT_TRUE(keeper_->sync({MachineId("m2"), true}));
  EXPECT_EQ(*seen.members(), std::vector{machine("m1", 1)});
  add(machine("m3", 3));
  overlay_.fails = true;  // what the drivers do not take is known all the same
  EXPECT_FALSE(keeper_->sync({MachineId("m3"), true}, milliseconds(200)));
  EXPECT_EQ(*seen.members(), (std::vector{machine("m1", 1), machine("m3", 3)}));
  keeper_.reset();
  EXPECT_EQ(*RosterFile(std::filesystem::path(pattern) / "roster.json", "lab", {}).members(),
            (std::vector{machine("m1", 1), machine("m3", 3)}));
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace ployz

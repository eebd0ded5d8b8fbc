// The store moves from servers to others by what stream_copy.h does: nothing is lost, no sequence
// changes, whoever writes meanwhile goes on at the new place.
#include <condition_variable>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "contract/control_store_world.h"
#include "contract/nats_cluster.h"
#include "contract/nats_store.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/stream_copy.h"

namespace ployz::contract {
namespace {

constexpr auto kElected = std::chrono::seconds(60);

// Update records of their own as fast as they can, each through another machine.
class Writers {
 public:
  Writers(Store& store, int count) {
    for (int n = 0; n < count; ++n) {
      const int at = n % store.machines();
      connections_.push_back(store.at(at).connect(std::format("m{}", at + 1), NatsRole::daemon));
    }
    for (int n = 0; n < count; ++n) {
      threads_.emplace_back([this, n](const std::stop_token& stop) { write(n, stop); });
    }
  }
  // Until so many more were acknowledged.
  void go_on(int more) {
    std::unique_lock lock(mutex_);
    const int wanted = acknowledged_ + more;
    EXPECT_TRUE(changed_.wait_for(lock, kElected, [&] { return acknowledged_ >= wanted; }));
  }
  uint64_t newest() {
    const std::lock_guard lock(mutex_);
    return newest_;
  }

 private:
  void write(int n, const std::stop_token& stop) {
    NatsKeyValue records(*connections_.at(n));
    const std::string key = std::format("writer{}", n);
    uint64_t revision = 0;
    while (!stop.stop_requested()) {
      const auto written = revision == 0
                               ? records.create(Bucket::leases, key, "0")
                               : records.update(Bucket::leases, key, "more", revision);
      if (!written) continue;
      const std::lock_guard lock(mutex_);
      revision = *written;
      newest_ = std::max(newest_, revision);
      ++acknowledged_;
      changed_.notify_all();
    }
  }

  std::vector<std::unique_ptr<NatsConnection>> connections_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int acknowledged_ = 0;
  uint64_t newest_ = 0;
  std::vector<std::jthread> threads_;
};

class NatsStoreMoves : public testing::Test {
 protected:
  NatsStoreMoves() {
    const auto made = ensure_streams(*old_.daemon(), 1);
    EXPECT_TRUE(made) << made.error().line();
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << old_.log();
  }

  // Commits of some namespaces, a record with tombstones between its values.
  static void fill(Store& store, int commits) {
    const auto daemon = store.daemon();
    NatsCommitLog log(*daemon);
    NatsKeyValue records(*daemon);
    std::map<int, uint64_t> newest;
    for (int n = 0; n < commits; ++n) {
      const auto appended = log.append(NamespaceName(std::format("shop{}", n % 3)), newest[n % 3],
                                       std::format("commit {}", n) + std::string(n % 7 * 100, 'x'));
      ASSERT_TRUE(appended) << appended.error().line();
      newest[n % 3] = *appended;
    }
    for (int n = 0; n < 5; ++n) {
      const auto created = records.create(Bucket::leases, "shop", std::to_string(n));
      ASSERT_TRUE(created) << created.error().line();
      if (n < 4) {
        ASSERT_TRUE(records.remove(Bucket::leases, "shop", *created));
      }
    }
  }

  // Every stream, verified.
  static void copy(NatsConnection& from, Store& store, int replicas) {
    const auto to = store.admin();
    // A cluster refuses until it has a leader and all its members.
    ASSERT_TRUE(eventually([&] {
      return ensure_epoch_stream(*to, replicas) && check_settled(*to, std::string(kEpochStream));
    })) << store.log();
    for (const std::string& stream : all_streams()) {
      const auto file = std::filesystem::path(store.first().directory()) / (stream + ".copy");
      const auto taken = take_snapshot(from, stream, file);
      ASSERT_TRUE(taken) << taken.error().line();
      const auto restored = restore_stream(*to, *taken, replicas);
      ASSERT_TRUE(restored) << restored.error().line() << store.log();
      EXPECT_TRUE(eventually([&] { return check_settled(*to, stream).has_value(); }));
      const auto before = digest_stream(from, stream);
      ASSERT_TRUE(before) << before.error().line();
      // Whichever machine reads may still be fetching what the first one restored.
      EXPECT_TRUE(eventually([&] { return digest_stream(*to, stream) == before; }))
          << stream << store.log();
    }
  }

  static bool eventually(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + kElected;
    while (std::chrono::steady_clock::now() < until) {
      if (done()) return true;
    }
    return false;
  }

  Store old_{1};
};

TEST_F(NatsStoreMoves, ToAnotherMachineWithEverySequence) {
  fill(old_, 100);
  Store next(1);
  copy(*old_.admin(), next, 1);
  const auto was = old_.daemon();
  const auto is = next.daemon();
  NatsCommitLog before(*was);
  NatsCommitLog after(*is);
  const NamespaceName shop("shop1");
  const auto newest = before.newest(shop);
  ASSERT_TRUE(newest && *newest);
  const auto same = after.newest(shop);
  ASSERT_TRUE(same && *same);
  EXPECT_EQ((*same)->sequence, (*newest)->sequence);
  EXPECT_EQ((*same)->bytes, (*newest)->bytes);
  expect_error(after.append(shop, (*newest)->sequence - 1, "late"), Code::conflict);
  EXPECT_TRUE(after.append(shop, (*newest)->sequence, "next"));
  NatsKeyValue records(*is);
  const auto record = records.get(Bucket::leases, "shop");
  ASSERT_TRUE(record && *record);
  EXPECT_TRUE(records.update(Bucket::leases, "shop", "new", (*record)->revision));
}

TEST_F(NatsStoreMoves, ToThreeMachinesAndBack) {
  fill(old_, 50);
  Store three(3);
  copy(*old_.admin(), three, 3);
  {
    const auto daemon = three.daemon();
    NatsCommitLog log(*daemon);
    ASSERT_TRUE(log.append(NamespaceName("more"), 0, "of three"));
  }
  Store one(1);
  copy(*three.admin(), one, 1);
  const auto daemon = one.daemon();
  NatsCommitLog log(*daemon);
  EXPECT_EQ(log.history(NamespaceName("more"), 10)->size(), 1U);
}

// More than NATS keeps under way at once, so that what acknowledges it is needed.
TEST_F(NatsStoreMoves, WhateverItsSize) {
  const auto daemon = old_.daemon();
  NatsCommitLog log(*daemon);
  std::string noise(1 << 20, '\0');
  uint64_t random = 88172645463325252ULL;
  uint64_t newest = 0;
  for (int n = 0; n < 24; ++n) {
    for (char& c : noise) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      c = static_cast<char>(random);
    }
    newest = *log.append(NamespaceName("large"), newest, noise);
  }
  Store next(1);
  copy(*old_.admin(), next, 1);
}

TEST_F(NatsStoreMoves, AFrozenStoreRefusesWritesAndIsRead) {
  fill(old_, 4);
  const auto admin = old_.admin();
  for (const std::string& stream : all_streams()) {
    ASSERT_TRUE(freeze_stream(*admin, stream, true));
    ASSERT_TRUE(freeze_stream(*admin, stream, true));
  }
  old_.first().kill();
  old_.first().start();
  ASSERT_TRUE(admin->wait_connected(std::chrono::seconds(20)));
  old_.first().request_timeout = std::chrono::milliseconds(500);
  const auto daemon = old_.daemon();
  NatsCommitLog log(*daemon);
  NatsKeyValue records(*daemon);
  expect_error(log.append(NamespaceName("new"), 0, "x"), Code::unavailable);
  expect_error(log.append(NamespaceName("new"), 0, ""), Code::unavailable);
  expect_error(records.create(Bucket::leases, "new", ""), Code::unavailable);
  const auto lease = records.get(Bucket::leases, "shop");
  ASSERT_TRUE(lease && *lease);
  expect_error(records.remove(Bucket::leases, "shop", (*lease)->revision), Code::unavailable);
  EXPECT_EQ(log.newest_of_all()->size(), 3U);
  for (const std::string& stream : all_streams()) ASSERT_TRUE(freeze_stream(*admin, stream, false));
  EXPECT_TRUE(log.append(NamespaceName("new"), 0, "x"));
}

// Several machines agree on a write after it was taken, so a stream is not still the moment it refuses.
TEST_F(NatsStoreMoves, WhatIsFrozenNeverChangesAgain) {
  Store three(3);
  const auto admin = three.admin();
  ASSERT_TRUE(eventually([&] { return ensure_streams(*three.daemon(), 3).has_value(); }))
      << three.log();
  const std::string leases = bucket_stream(Bucket::leases);
  ASSERT_TRUE(eventually([&] { return check_settled(*admin, leases).has_value(); }));
  Writers writers(three, 4);
  for (int round = 0; round < 40; ++round) {
    writers.go_on(20);
    ASSERT_TRUE(freeze_stream(*admin, leases, true));
    const auto first = digest_stream(*admin, leases);
    const auto second = digest_stream(*admin, leases);
    ASSERT_TRUE(first && second);
    const uint64_t newest = writers.newest();
    ASSERT_TRUE(freeze_stream(*admin, leases, false));
    EXPECT_EQ(*first, *second) << "round " << round;
    EXPECT_LE(newest, first->last_sequence) << "round " << round;
  }
}

TEST_F(NatsStoreMoves, ALeafCopiesTheStoreToItsOwnMachine) {
  NatsCluster cluster;
  const auto hub = cluster.connect("m1", NatsRole::daemon);
  NatsCommitLog log(*hub);
  ASSERT_TRUE(log.append(kShop, 0, std::string(3 << 20, 'a')));
  Store next(1);
  copy(*cluster.connect("m2", NatsRole::daemon), next, 1);
}

TEST_F(NatsStoreMoves, TheAdminNeitherDeletesNorPurges) {
  fill(old_, 4);
  const auto admin = old_.admin();
  for (const std::string call : {"STREAM.DELETE.COMMITS", "STREAM.PURGE.COMMITS",
                                 "STREAM.MSG.DELETE.COMMITS", "CONSUMER.DELETE.COMMITS.x"}) {
    expect_error(admin->request({"$JS.API." + call, "{}", {}}), Code::denied);
  }
}

}  // namespace
}  // namespace ployz::contract

// The store goes away for a moment, by taking over a configuration or by a restart: what is asked
// meanwhile through a leaf is answered when it is back, and done once.
#include <condition_variable>
#include <iostream>
#include <mutex>

#include <gtest/gtest.h>

#include "contract/nats_cluster.h"
#include "drivers/nats/commit_log.h"

namespace ployz::contract {
namespace {

class NatsStoreComesBack : public testing::Test {
 protected:
  NatsStoreComesBack() {
    cluster_.of("m2").request_timeout = NatsConfig().request_timeout;  // as a daemon waits
    m2_ = cluster_.connect("m2", NatsRole::daemon);
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << cluster_.log();
  }

  NatsCluster cluster_;
  std::unique_ptr<NatsConnection> m2_;
};

// Users of the store on m2: each commits, lists and reads as fast as it can, and in the end its
// history is what was acknowledged.
class StoreUsers {
 public:
  explicit StoreUsers(NatsConnection& connection) : connection_(connection) {
    for (int n = 0; n < 4; ++n)
      threads_.emplace_back([this, n] { use(NamespaceName(std::format("user{}", n))); });
  }
  ~StoreUsers() { finish(); }
  StoreUsers(const StoreUsers&) = delete;
  // Waits until some more calls were answered.
  bool go_on() {
    std::unique_lock lock(mutex_);
    const int enough = calls_ + 3;
    return answered_.wait_for(lock, std::chrono::seconds(30),
                              [&] { return calls_ >= enough || !refused_.empty(); });
  }
  // What they were refused, a line each.
  std::string finish() {
    done_ = true;
    threads_.clear();
    return refused_;
  }

 private:
  void use(const NamespaceName& name) {
    NatsCommitLog log(connection_);
    NatsKeyValue records(connection_);
    uint64_t sequence = 0;
    size_t appended = 0;
    while (!done_) {
      const auto next = log.append(name, sequence, "x");
      note("append", next);
      note("list", records.list(Bucket::machines));
      note("newest", log.newest(name));
      if (!next) return;
      sequence = *next;
      ++appended;
      count();
    }
    const auto history = log.history(name, appended + 1);
    note("history", history);
    if (history) {
      EXPECT_EQ(history->size(), appended);
    }
  }
  void count() {
    const std::lock_guard lock(mutex_);
    ++calls_;
    answered_.notify_all();
  }
  template <class T>
  void note(const char* asked, const Result<T>& answer) {
    if (answer) return;
    const std::lock_guard lock(mutex_);
    refused_ += std::format("{}: {}\n", asked, answer.error().line());
    answered_.notify_all();
  }

  NatsConnection& connection_;
  std::atomic<bool> done_ = false;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::string refused_;
  int calls_ = 0;
  std::vector<std::jthread> threads_;
};

// The server forgets the answers it owed in the moment of a reload: they are asked for again.
TEST_F(NatsStoreComesBack, ReloadsLoseNoAnswer) {
  const Supervisor unit(cluster_.hub());
  StoreUsers users(*m2_);
  std::vector<LeafUser>& leaves = cluster_.hub().config().leaves;
  const Nkey key = Nkey::generate();
  for (int reload = 0; reload < 60; ++reload) {
    if (reload % 2 == 0)
      leaves.push_back({MachineId("m4"), key.public_key()});
    else
      leaves.pop_back();
    cluster_.hub().write_config();
    cluster_.hub().reload();
    ASSERT_TRUE(users.go_on());
  }
  EXPECT_EQ(users.finish(), "");
}

// A store that dies and is started again by its unit is waited for: nobody is told.
TEST_F(NatsStoreComesBack, AStoreThatIsStartedAgainLosesNoAnswer) {
  const Supervisor unit(cluster_.hub());
  StoreUsers users(*m2_);
  for (int death = 0; death < 3; ++death) {
    ASSERT_TRUE(users.go_on());
    ASSERT_EQ(::kill(cluster_.hub().pid(), SIGKILL), 0);
    ASSERT_TRUE(users.go_on());
  }
  EXPECT_EQ(users.finish(), "");
}

}  // namespace
}  // namespace ployz::contract

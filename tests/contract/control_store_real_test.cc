// The control store's contract on a real nats-server that is killed, restarted and stopped.
#include <iostream>

#include "contract/control_store_contract.h"
#include "contract/control_store_faults_contract.h"
#include "contract/nats_leaf_store.h"
#include "contract/nats_server.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/jetstream.h"

namespace ployz::contract {
namespace {

class NatsWorld : public ControlStoreWorld {
 public:
  NatsWorld()
      : server_(start_store()),
        first_(server_->connect("m1", NatsRole::daemon)),
        second_(server_->connect("m2", NatsRole::daemon)) {}

  ~NatsWorld() override {
    if (testing::Test::HasFailure()) std::cerr << server_->log();
  }

  CommitLog& commits() override { return first_.commits; }
  KeyValue& records() override { return first_.records; }
  CommitLog& other_commits() override { return second_.commits; }
  KeyValue& other_records() override { return second_.records; }

  bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
             const std::function<bool()>& done) override {
    return changed.wait_for(lock, std::chrono::seconds(30), done);
  }
  void run_parallel(std::vector<std::function<void()>> tasks) override {
    run_threads(std::move(tasks));
  }

  bool crash() override {
    server_->kill();
    for (StoreClient* client : {&first_, &second_}) {
      while (client->connection->connected()) std::this_thread::yield();
    }
    return true;
  }
  bool restart() override {
    server_->start();
    return first_.connection->wait_connected(std::chrono::seconds(20)) &&
           second_.connection->wait_connected(std::chrono::seconds(20));
  }
  bool freeze() override {
    server_->freeze();
    return true;
  }
  bool thaw() override {
    server_->thaw();
    return true;
  }

  NatsConnection& connection() { return *first_.connection; }

 private:
  std::unique_ptr<NatsServer> server_;
  StoreClient first_;
  StoreClient second_;
};

std::unique_ptr<ControlStoreWorld> make() {
  return std::make_unique<NatsWorld>();
}

std::unique_ptr<ControlStoreWorld> make_leaf() {
  return std::make_unique<LeafStoreWorld>();
}

TEST(NatsStore, StreamsAreMadeOnceAndChecked) {
  NatsWorld world;
  ASSERT_TRUE(world.commits().append(kShop, 0, "kept"));
  EXPECT_TRUE(ensure_streams(world.connection(), 1));
  EXPECT_TRUE(*world.commits().newest(kShop));
  EXPECT_TRUE(ensure_epoch(world.records(), 1));
  EXPECT_TRUE(ensure_epoch(world.records(), 1));
  expect_error(ensure_epoch(world.records(), 2), Code::precondition);
}

// A stream that would forget is not taken for ours.
TEST(NatsStore, AStreamThatForgetsIsRefused) {
  NatsServer server;
  server.start();
  const auto admin = server.connect("m1", NatsRole::daemon);
  ASSERT_TRUE(jetstream::api(*admin, "STREAM.CREATE.COMMITS",
                             {{"name", "COMMITS"},
                              {"subjects", {"ployz.commit.*"}},
                              {"storage", "file"},
                              {"max_msgs_per_subject", 3}}));
  expect_error(ensure_streams(*admin, 1), Code::precondition);
}

TEST(NatsStore, WithoutStreamsEverythingIsUnavailable) {
  NatsServer server;
  server.start();
  const auto connection = server.connect("m2", NatsRole::daemon);
  NatsCommitLog commits(*connection);
  NatsKeyValue records(*connection);
  expect_error(commits.append(kShop, 0, "x"), Code::unavailable);
  expect_error(commits.newest(kShop), Code::unavailable);
  expect_error(commits.newest_of_all(), Code::unavailable);
  expect_error(records.create(Bucket::meta, "k", "v"), Code::unavailable);
  expect_error(records.list(Bucket::meta), Code::unavailable);
  expect_error(ensure_streams(*connection, 1), Code::denied);
}

TEST(NatsStore, NamesThatAreNoTokensAreInvalid) {
  NatsWorld world;
  for (const std::string name : {"", "*", ">", "a.b", "A", "a b"}) {
    expect_error(world.commits().append(NamespaceName(name), 0, "x"), Code::invalid);
    expect_error(world.commits().newest(NamespaceName(name)), Code::invalid);
    expect_error(world.commits().history(NamespaceName(name), 1), Code::invalid);
  }
}

// History walks a header of ours; what another program wrote has none.
TEST(NatsStore, HistoryReachesOverForeignMessages) {
  NatsWorld world;
  const uint64_t first = *world.commits().append(kShop, 0, "1");
  const auto foreign = jetstream::append(world.connection(), {"ployz.commit.shop", "2", {}}, first);
  ASSERT_TRUE(foreign);
  const auto third = world.commits().append(kShop, *foreign, "3");
  ASSERT_TRUE(third);
  const auto history = world.commits().history(kShop, 10);
  ASSERT_TRUE(history) << history.error().line();
  ASSERT_EQ(history->size(), 3u);
  EXPECT_EQ((*history)[1].bytes, "2");
  EXPECT_EQ((*history)[2].sequence, first);
  EXPECT_EQ(world.commits().history(kShop, 2)->back().bytes, "2");
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Nats, CommitLogContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Nats, KeyValueContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Nats, ControlStoreFaults, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(NatsLeaf, CommitLogContract, testing::Values(&make_leaf));
INSTANTIATE_TEST_SUITE_P(NatsLeaf, KeyValueContract, testing::Values(&make_leaf));
INSTANTIATE_TEST_SUITE_P(NatsLeaf, ControlStoreFaults, testing::Values(&make_leaf));

}  // namespace ployz::contract

// The rights of the users in the configuration Ployz writes, proved on a real nats-server, both
// ways: what a machine needs works, what it must not do is refused.
#include <gtest/gtest.h>

#include "contract/control_store_world.h"
#include "contract/nats_server.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/rpc.h"

namespace ployz::contract {
namespace {

constexpr std::chrono::milliseconds kLong{10'000};

class NatsPermissions : public testing::Test {
 protected:
  NatsPermissions()
      : server_(start_store()),
        m1_(server_->connect("m1", NatsRole::daemon)),
        m2_(server_->connect("m2", NatsRole::daemon)),
        router1_(server_->connect("m1", NatsRole::router)) {}

  static Code serve_code(NatsConnection& connection, const std::string& machine, Target target) {
    NatsRpc rpc(connection);
    const auto served =
        rpc.serve(MachineId(machine), target, [](const auto&, const Json& body) { return body; });
    return served ? Code::exists : served.error().code;  // `exists` stands for success
  }
  static void expect_denied(NatsConnection& connection, const std::string& subject) {
    const auto start = std::chrono::steady_clock::now();
    expect_error(connection.request({subject, "{}", {}}), Code::denied);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2)) << subject;
  }

  std::unique_ptr<NatsServer> server_;
  std::unique_ptr<NatsConnection> m1_;
  std::unique_ptr<NatsConnection> m2_;
  std::unique_ptr<NatsConnection> router1_;
};

TEST_F(NatsPermissions, OneAnswersOnlyForOneself) {
  EXPECT_EQ(serve_code(*m1_, "m1", Target::agent), Code::exists);
  EXPECT_EQ(serve_code(*router1_, "m1", Target::router), Code::exists);
  EXPECT_EQ(serve_code(*m1_, "m2", Target::agent), Code::denied);
  EXPECT_EQ(serve_code(*m1_, "m1", Target::router), Code::denied);
  EXPECT_EQ(serve_code(*router1_, "m1", Target::agent), Code::denied);
  EXPECT_EQ(serve_code(*router1_, "m2", Target::router), Code::denied);
}

TEST_F(NatsPermissions, NobodyListensIn) {
  for (const std::string subject : {"_INBOX.m2.daemon.>", "_INBOX.>", "_INBOX.*.daemon.>",
                                    "ployz.rpc.>", "ployz.rpc.m2.agent.*", "ployz.rpc.*.agent.step",
                                    "ployz.commit.>", "$KV.>", "$JS.>", "$SYS.>", ">"}) {
    for (NatsConnection* connection : {m1_.get(), router1_.get()}) {
      const auto subscribed = connection->subscribe(subject, [](const NatsMessage&) {});
      ASSERT_FALSE(subscribed) << subject;
      EXPECT_EQ(subscribed.error().code, Code::denied) << subject;
    }
  }
  EXPECT_FALSE(router1_->subscribe("_INBOX.m1.daemon.>", [](const NatsMessage&) {}));
  EXPECT_TRUE(m1_->subscribe(inbox_prefix(MachineId("m1"), NatsRole::daemon) + ".x.>",
                             [](const NatsMessage&) {}));
}

TEST_F(NatsPermissions, RepliesCannotBeForged) {
  expect_denied(*m1_, "_INBOX.m2.daemon.r.1");
  expect_denied(*router1_, "_INBOX.m1.daemon.r.1");
  // But a request may be answered by whom it was sent to.
  NatsRpc m2(*m2_);
  const auto served =
      m2.serve(MachineId("m2"), Target::agent, [](const auto&, const Json& body) { return body; });
  ASSERT_TRUE(served);
  NatsRpc m1(*m1_);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(*m1.call({MachineId("m2"), Target::agent, "step"}, i, kLong), Json(i));
  }
}

TEST_F(NatsPermissions, TheRouterReadsCommitsAndWritesNothing) {
  NatsCommitLog writer(*m1_);
  NatsCommitLog reader(*router1_);
  const uint64_t first = *writer.append(kShop, 0, "1");
  EXPECT_EQ((*reader.newest(kShop))->bytes, "1");
  EXPECT_EQ(reader.newest_of_all()->size(), 1u);
  EXPECT_EQ(reader.history(kShop, 10)->size(), 1u);
  EXPECT_TRUE(reader.follow([](const StoredCommit&) {}, [] {}));
  expect_error(reader.append(kShop, first, "2"), Code::denied);
  NatsKeyValue records(*router1_);
  expect_error(records.create(Bucket::leases, "k", "v"), Code::denied);
  expect_error(records.get(Bucket::meta, "epoch"), Code::denied);
  expect_error(records.list(Bucket::operations), Code::denied);
  NatsRpc rpc(*router1_);
  const auto called = rpc.call({MachineId("m2"), Target::agent, "step"}, {}, kLong);
  expect_error(called, Code::denied);
  EXPECT_EQ(writer.history(kShop, 10)->size(), 1u);
}

TEST_F(NatsPermissions, HistoryCannotBeDestroyed) {
  NatsCommitLog log(*m1_);
  const uint64_t first = *log.append(kShop, 0, "1");
  for (NatsConnection* connection : {m1_.get(), m2_.get(), router1_.get()}) {
    for (const std::string call :
         {"STREAM.DELETE.COMMITS", "STREAM.PURGE.COMMITS", "STREAM.MSG.DELETE.COMMITS",
          "STREAM.PURGE.KV_operations", "CONSUMER.DELETE.COMMITS.x", "STREAM.RESTORE.COMMITS",
          "ACCOUNT.PURGE.PLOYZ"}) {
      expect_denied(*connection, "$JS.ployz.API." + call);
      expect_denied(*connection, "$JS.API." + call);
    }
  }
  // A daemon may copy what it may read; a router may not.
  expect_denied(*m2_, "$JS.API.STREAM.SNAPSHOT.COMMITS");
  expect_denied(*router1_, "$JS.ployz.API.STREAM.SNAPSHOT.COMMITS");
  expect_denied(*m2_, "$JS.ployz.API.STREAM.UPDATE.COMMITS");
  expect_denied(*m2_, "$JS.ployz.API.STREAM.CREATE.other");
  expect_denied(*m1_, "$SYS.REQ.SERVER.PING");
  // Not even by a header: the stream itself refuses.
  NatsRequest rollup{"ployz.commit.shop", "", {{"Nats-Rollup", "sub"}}};
  EXPECT_FALSE(jetstream::append(*m1_, rollup, first));
  EXPECT_EQ((*log.newest(kShop))->bytes, "1");
}

TEST_F(NatsPermissions, StrangersAreDeniedUntilTheyAreKnown) {
  NatsConfig anonymous = server_->client("m1", NatsRole::daemon);
  anonymous.seed.clear();
  const auto nobody = NatsConnection::open(anonymous);
  ASSERT_TRUE(nobody);
  expect_error((*nobody)->request({"ployz.rpc.m1.agent.x", "", {}}), Code::denied);
  const Nkey key = Nkey::generate();
  NatsConfig stranger = anonymous;
  stranger.seed = key.seed();
  stranger.inbox_prefix = inbox_prefix(MachineId("m4"), NatsRole::daemon);
  const auto connection = NatsConnection::open(stranger);
  ASSERT_TRUE(connection);
  NatsCommitLog log(**connection);
  expect_error(log.newest(kShop), Code::denied);
  // Refused again and again, it still tries; and those who are known do not notice the reload.
  server_->config().users.push_back({MachineId("m4"), NatsRole::daemon, key.public_key(), false});
  server_->write_config();
  server_->reload();
  const Status connected = (*connection)->wait_connected(std::chrono::seconds(20));
  ASSERT_TRUE(connected) << connected.error().line();
  EXPECT_TRUE(log.newest(kShop));
  EXPECT_TRUE(m1_->connected() && m2_->connected() && router1_->connected());
}

}  // namespace
}  // namespace ployz::contract

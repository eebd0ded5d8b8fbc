// The rights of a leaf connection, the reload that adds and removes one, and the mirrors.
#include <iostream>

#include <gtest/gtest.h>

#include "contract/control_store_world.h"
#include "contract/nats_cluster.h"
#include "contract/nats_raw_leaf.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/mirrors.h"
#include "drivers/nats/rpc.h"

namespace ployz::contract {
namespace {

constexpr std::chrono::milliseconds kLong{10'000};

class NatsLeafNodes : public testing::Test {
 protected:
  NatsLeafNodes()
      : m1_(cluster_.connect("m1", NatsRole::daemon)),
        m2_(cluster_.connect("m2", NatsRole::daemon)),
        m3_(cluster_.connect("m3", NatsRole::daemon)) {}
  void TearDown() override {
    if (HasFailure()) std::cerr << cluster_.log();
  }

  [[nodiscard]] uint16_t leaf_port() { return cluster_.hub().config().leaf_listen->port; }
  static std::unique_ptr<Subscription> serve(NatsRpc& rpc, const std::string& machine) {
    auto served = rpc.serve(MachineId(machine), Target::agent,
                            [](const auto&, const Json& body) { return body; });
    EXPECT_TRUE(served);
    return served ? std::move(*served) : nullptr;
  }
  // Interest crosses a leaf connection a moment after it arises.
  static bool answers(NatsRpc& rpc, const std::string& machine) {
    const auto until = std::chrono::steady_clock::now() + kLong;
    while (std::chrono::steady_clock::now() < until) {
      if (rpc.call({MachineId(machine), Target::agent, "step"}, 1, kLong)) return true;
    }
    return false;
  }
  static bool eventually(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < until) {
      if (done()) return true;
      std::this_thread::yield();
    }
    return false;
  }

  NatsCluster cluster_;
  std::unique_ptr<NatsConnection> m1_;
  std::unique_ptr<NatsConnection> m2_;
  std::unique_ptr<NatsConnection> m3_;
};

// Rights that the store's server enforces itself, whatever the other end does.
TEST_F(NatsLeafNodes, AHostileLeafHearsOnlyItsOwn) {
  NatsRpc m3(*m3_);
  const auto served = serve(m3, "m3");
  NatsRpc m1(*m1_);
  ASSERT_TRUE(answers(m1, "m3"));
  RawLeaf hostile(leaf_port(), "m2", cluster_.leaf_seed("m2"));
  hostile.subscribe(">");
  ASSERT_TRUE(hostile.flush());
  ASSERT_TRUE(m1.call({MachineId("m3"), Target::agent, "secret"}, "for m3", kLong));
  NatsCommitLog log(*m1_);
  ASSERT_TRUE(log.append(kShop, 0, "a commit"));
  ASSERT_TRUE(m1_->publish({"ployz.rpc.m2.agent.own", "for m2", {}}));
  ASSERT_TRUE(hostile.wait_for("for m2"));
  for (const char* secret : {"for m3", "a commit", "_INBOX.m1", "ployz.rpc.m3"}) {
    EXPECT_FALSE(hostile.heard().contains(std::string("LMSG ") + secret)) << secret;
  }
  EXPECT_FALSE(hostile.heard().contains("for m3"));
  EXPECT_FALSE(hostile.heard().contains("a commit"));
  // By name it is not even accepted.
  for (const char* subject : {"ployz.rpc.m3.agent.step", "ployz.rpc.m1.agent.step",
                              "_INBOX.m3.daemon.x", "ployz.commit.shop", "$KV.leases.x"}) {
    RawLeaf again(leaf_port(), "m2", cluster_.leaf_seed("m2"));
    again.subscribe(subject);
    EXPECT_FALSE(again.flush()) << subject;
  }
}

// JetStream is behind an account border: no subject leads to the calls that destroy, in no form,
// and not before the server has read who speaks.
const std::vector<std::string> kDestroying{"STREAM.DELETE.COMMITS",
                                           "STREAM.PURGE.COMMITS",
                                           "STREAM.MSG.DELETE.COMMITS",
                                           "STREAM.UPDATE.COMMITS",
                                           "STREAM.CREATE.other",
                                           "STREAM.RESTORE.COMMITS",
                                           "STREAM.DELETE.KV_meta",
                                           "STREAM.PURGE.KV_meta",
                                           "CONSUMER.DELETE.COMMITS.x",
                                           "STREAM.SNAPSHOT.KV_meta",
                                           "CONSUMER.DURABLE.CREATE.COMMITS.x",
                                           "ACCOUNT.PURGE.STORE",
                                           "SERVER.REMOVE"};
constexpr const char* kEmpty = "";
constexpr const char* kConfig = R"({"name":"COMMITS","max_msgs":1,"seq":1})";

TEST_F(NatsLeafNodes, AHostileLeafDestroysNothing) {
  NatsCommitLog log(*m1_);
  const uint64_t first = *log.append(kShop, 0, "1");
  NatsKeyValue records(*m1_);
  const uint64_t record = *records.create(Bucket::meta, "k", "v");
  RawLeaf hostile(leaf_port(), "m2", cluster_.leaf_seed("m2"));
  ASSERT_TRUE(hostile.flush());
  hostile.subscribe("_INBOX.m2.>");
  for (const std::string api : {"$JS.API.", "$JS.ployz.API.", "$JS.store.API."}) {
    for (const std::string& call : kDestroying) {
      for (const char* data : {kEmpty, kConfig}) {
        hostile.publish(api + call, "_INBOX.m2.a", data);
        // As if another account had asked.
        for (const char* who : {R"({"acc":"STORE"})", R"({"acc":"PLOYZ","svc":"STORE"})"}) {
          hostile.send(RawLeaf::message(api + call, "_INBOX.m2.a",
                                        std::string("Nats-Request-Info: ") + who, data));
        }
      }
    }
  }
  hostile.publish("$SYS.REQ.ACCOUNT.PING.CONNZ", "_INBOX.m2.sys", "{}");
  // The stream would be purged by a header, if it let itself.
  for (const char* subject : {"ployz.commit.shop", "$JS.ployz.API.$KV.meta.other"}) {
    hostile.send(RawLeaf::message(subject, "_INBOX.m2.rollup", "Nats-Rollup: all", ""));
  }
  ASSERT_TRUE(hostile.flush());
  hostile.publish("$JS.ployz.API.STREAM.INFO.COMMITS", "_INBOX.m2.b", "");
  ASSERT_TRUE(hostile.wait_for("LMSG _INBOX.m2.b"));
  EXPECT_FALSE(hostile.heard().contains("_INBOX.m2.sys")) << hostile.heard();
  EXPECT_FALSE(hostile.heard().contains("\"success\"")) << hostile.heard();
  EXPECT_EQ((*log.newest(kShop))->sequence, first);
  EXPECT_EQ((*records.get(Bucket::meta, "k"))->revision, record);
  EXPECT_EQ(jetstream::err_code(jetstream::api(*m1_, "STREAM.INFO.other", Json()).error()),
            jetstream::kNoStream);
}

TEST_F(NatsLeafNodes, AHostileLeafDestroysNothingInTheFirstPacketEither) {
  NatsCommitLog log(*m1_);
  const uint64_t first = *log.append(kShop, 0, "1");
  NatsKeyValue records(*m1_);
  const uint64_t record = *records.create(Bucket::meta, "k", "v");
  std::atomic<int> arrived = 0;
  const auto control =
      m1_->subscribe("ployz.rpc.m1.agent.*", [&](const NatsMessage&) { ++arrived; });
  ASSERT_TRUE(control);
  constexpr int kRounds = 5;
  int attempts = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (const std::string api : {"$JS.API.", "$JS.ployz.API.", "$JS.store.API."}) {
      for (const std::string& call : kDestroying) {
        const std::string data = call.contains("CREATE") || call.contains("UPDATE") ? kConfig : "";
        // The server closes one of two leaves of the same name.
        RawLeaf hostile(leaf_port(), std::format("hostile-{}", attempts), cluster_.leaf_seed("m2"),
                        RawLeaf::message(api + call, "", data) +
                            RawLeaf::message("ployz.rpc.m1.agent.x", "", ""));
        ASSERT_TRUE(hostile.flush());
        ++attempts;
      }
    }
  }
  EXPECT_TRUE(eventually([&] { return arrived > attempts / 2; })) << arrived << " of " << attempts;
  EXPECT_EQ((*log.newest(kShop))->sequence, first);
  EXPECT_EQ((*records.get(Bucket::meta, "k"))->revision, record);
  EXPECT_EQ(jetstream::err_code(jetstream::api(*m1_, "STREAM.INFO.other", Json()).error()),
            jetstream::kNoStream);
}

// A consumer may name any subject to deliver to. A stream delivers only where somebody listens by
// that very name, and in the account STORE nobody listens so to what destroys.
TEST_F(NatsLeafNodes, ADeliveryCallsNothing) {
  NatsCommitLog log(*m1_);
  const uint64_t first = *log.append(kShop, 0, "1");
  int n = 0;
  for (const std::string subject :
       {"$JS.API.STREAM.DELETE.KV_leases", "$JS.store.API.STREAM.DELETE.KV_leases",
        "$KV.meta.forged", "ployz.commit.forged", "ployz.rpc.m1.agent.x"}) {
    const std::string name = std::format("evil{}", n++);
    const Json config{{"name", name},
                      {"deliver_subject", subject},
                      {"deliver_policy", "all"},
                      {"filter_subject", "ployz.commit.shop"},
                      {"ack_policy", "none"},
                      {"headers_only", true},
                      {"mem_storage", true}};
    (void)jetstream::api(*m2_, std::format("CONSUMER.CREATE.COMMITS.{}.ployz.commit.shop", name),
                         {{"stream_name", "COMMITS"}, {"config", config}});
  }
  // Delivered after those would have been.
  std::atomic<bool> seen = false;
  const auto followed = log.follow([&](const StoredCommit&) { seen = true; }, [] {});
  EXPECT_TRUE(eventually([&] { return seen.load(); }));
  ASSERT_TRUE(log.append(kShop, first, "2"));
  NatsKeyValue records(*m1_);
  EXPECT_TRUE(records.create(Bucket::leases, "k", "v"));
  EXPECT_EQ(*records.get(Bucket::meta, "forged"), std::nullopt);
  EXPECT_EQ(*log.newest(NamespaceName("forged")), std::nullopt);
}

// What the store delivers to a reader cannot be forged by anybody, hostile or not.
TEST_F(NatsLeafNodes, DeliveriesCannotBeForged) {
  RawLeaf hostile(leaf_port(), "m2", cluster_.leaf_seed("m2"));
  ASSERT_TRUE(hostile.flush());
  std::atomic<int> heard = 0;
  const std::string inbox = m1_->new_inbox();
  const auto reader = m1_->subscribe(inbox, [&](const NatsMessage&) { ++heard; });
  ASSERT_TRUE(reader);
  hostile.publish(inbox, "", "forged");
  ASSERT_TRUE(hostile.flush());
  ASSERT_TRUE(m1_->request({"$JS.ployz.API.STREAM.INFO.COMMITS", "", {}}));
  EXPECT_EQ(heard, 0);
}

TEST_F(NatsLeafNodes, StrangersAreRefused) {
  RawLeaf unknown(leaf_port(), "m2", Nkey::generate().seed());
  EXPECT_FALSE(unknown.flush());
  // Without credentials: an account that holds and reaches nothing.
  RawLeaf nobody(leaf_port(), "m2", "");
  nobody.subscribe(">");
  if (nobody.flush()) {
    nobody.publish("$JS.ployz.API.STREAM.INFO.COMMITS", "a.b", "");
    nobody.publish("ployz.rpc.m1.agent.step", "a.b", "");
    ASSERT_TRUE(m1_->publish({"ployz.rpc.m2.agent.own", "for m2", {}}));
    ASSERT_TRUE(nobody.flush());
    EXPECT_FALSE(nobody.heard().contains("LMSG")) << nobody.heard();
  }
}

// The users of a leaf node are restricted by its own server.
TEST_F(NatsLeafNodes, UsersOfALeafHaveTheRightsOfUsers) {
  for (const std::string subject : {"ployz.rpc.m3.agent.step", "ployz.rpc.>", "_INBOX.m3.daemon.>",
                                    ">", "ployz.commit.>", "$KV.>", "$JS.>"}) {
    const auto subscribed = m2_->subscribe(subject, [](const NatsMessage&) {});
    ASSERT_FALSE(subscribed) << subject;
    EXPECT_EQ(subscribed.error().code, Code::denied);
  }
  for (const std::string subject :
       {"$JS.ployz.API.STREAM.DELETE.COMMITS", "$JS.ployz.API.STREAM.CREATE.x",
        "$JS.API.STREAM.INFO.other", "$JS.API.STREAM.CREATE.other", "$JS.API.STREAM.NAMES",
        "$JS.ployz.API.STREAM.RESTORE.COMMITS", "$JS.API.STREAM.SNAPSHOT.COMMITS",
        "$JS.m-m3.API.STREAM.INFO.COMMITS", "$KV.leases.x", "_INBOX.m1.daemon.x.r.1",
        "$SYS.REQ.SERVER.PING"}) {
    expect_error(m2_->request({subject, "{}", {}}), Code::denied);
  }
}

TEST_F(NatsLeafNodes, WhereNobodyListensIsUnavailableAtOnce) {
  NatsRpc m1(*m1_);
  NatsRpc m2(*m2_);
  for (auto [rpc, to] : {std::pair{&m2, "m3"}, {&m2, "m1"}, {&m1, "m2"}, {&m2, "m2"}}) {
    const auto start = std::chrono::steady_clock::now();
    expect_error(rpc->call({MachineId(to), Target::agent, "step"}, {}, kLong), Code::unavailable);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1)) << to;
  }
}

TEST_F(NatsLeafNodes, AddingAMachineDisturbsNobodyAndARemovedOneIsCut) {
  NatsRpc m3(*m3_);
  const auto served = serve(m3, "m3");
  NatsRpc m2(*m2_);
  ASSERT_TRUE(answers(m2, "m3"));
  std::atomic<bool> done = false;
  std::atomic<int> calls = 0;
  std::atomic<int> lost = 0;
  std::jthread traffic([&] {
    NatsCommitLog log(*m2_);
    uint64_t sequence = 0;
    while (!done) {
      const auto appended = log.append(kBlog, sequence, "x");
      if (appended) sequence = *appended;
      if (!appended || !m2.call({MachineId("m3"), Target::agent, "s"}, 1, kLong)) ++lost;
      ++calls;
    }
  });
  const Nkey key = Nkey::generate();
  cluster_.hub().config().leaves.push_back({MachineId("m4"), key.public_key()});
  cluster_.hub().write_config();
  cluster_.hub().reload();
  EXPECT_TRUE(eventually([&] { return RawLeaf(leaf_port(), "m4", key.seed()).flush(); }));
  RawLeaf m4(leaf_port(), "m4", key.seed());
  ASSERT_TRUE(m4.flush());
  const int before = calls;
  EXPECT_TRUE(eventually([&] { return calls > before + 20; }));
  cluster_.hub().config().leaves.pop_back();
  cluster_.hub().write_config();
  cluster_.hub().reload();
  EXPECT_TRUE(eventually([&] { return !RawLeaf(leaf_port(), "m4", key.seed()).flush(); }));
  EXPECT_FALSE(m4.wait_for("never sent"));  // cut, not silent: returns at once
  const int after = calls;
  EXPECT_TRUE(eventually([&] { return calls > after + 20; }));
  done = true;
  traffic.join();
  EXPECT_EQ(lost, 0) << "of " << calls;
  // What cannot be reached is not reached after reloads either, and what can still is.
  RawLeaf hostile(leaf_port(), "m2", cluster_.leaf_seed("m2"));
  ASSERT_TRUE(hostile.flush());
  hostile.publish("$JS.ployz.API.STREAM.DELETE.COMMITS", "", "");
  ASSERT_TRUE(hostile.flush());
  EXPECT_TRUE(jetstream::api(*m1_, "STREAM.INFO.COMMITS", Json()));
}

TEST_F(NatsLeafNodes, MirrorsFollowAndCatchUp) {
  NatsCommitLog log(*m1_);
  uint64_t sequence = *log.append(kShop, 0, "before");
  const Status made = ensure_mirrors(*m2_, MachineId("m2"));
  ASSERT_TRUE(made) << made.error().line();
  ASSERT_TRUE(ensure_mirrors(*m2_, MachineId("m2")));
  const auto reached = [&] {
    const auto copied = copied_sequences(*m2_, MachineId("m2"));
    return copied && copied->at("COMMITS") == sequence;
  };
  EXPECT_TRUE(eventually(reached));
  sequence = *log.append(kShop, sequence, "while it runs");
  EXPECT_TRUE(eventually(reached));
  cluster_.of("m2").kill();
  for (int i = 0; i < 100; ++i) sequence = *log.append(kShop, sequence, "while it is away");
  cluster_.of("m2").start();
  ASSERT_TRUE(m2_->wait_connected(std::chrono::seconds(20)));
  EXPECT_TRUE(eventually(reached));
  // They are answered for with the store away, and are no store themselves.
  cluster_.hub().kill();
  EXPECT_TRUE(reached());
  NatsCommitLog on_leaf(*m2_);
  expect_error(on_leaf.append(kShop, sequence, "x"), Code::unavailable);
  expect_error(on_leaf.newest(kShop), Code::unavailable);
}

TEST_F(NatsLeafNodes, AFrozenStoreIsNoticedAndALeafThatRestartsGoesOn) {
  std::mutex mutex;
  std::vector<std::string> seen;
  NatsCommitLog on_leaf(*m2_);
  const auto followed = on_leaf.follow(
      [&](const StoredCommit& commit) {
        const std::lock_guard lock(mutex);
        seen.push_back(commit.bytes);
      },
      [] {});
  ASSERT_TRUE(followed);
  NatsCommitLog log(*m1_);
  uint64_t sequence = *log.append(kShop, 0, "1");
  const auto saw = [&](const std::string& bytes) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return std::ranges::contains(seen, bytes);
    });
  };
  ASSERT_TRUE(saw("1"));
  cluster_.of("m2").kill();
  sequence = *log.append(kShop, sequence, "2");
  cluster_.of("m2").start();
  EXPECT_TRUE(saw("2"));
  const auto frozen_at = std::chrono::steady_clock::now();
  cluster_.hub().freeze();
  EXPECT_TRUE(eventually([&] {
    const auto read = on_leaf.newest(kShop);
    return !read && read.error().code == Code::unavailable;
  }));
  EXPECT_LT(std::chrono::steady_clock::now() - frozen_at, std::chrono::seconds(20));
  cluster_.hub().thaw();
  EXPECT_TRUE(eventually([&] { return on_leaf.newest(kShop).has_value(); }));
  ASSERT_TRUE(on_leaf.append(kShop, sequence, "3"));
  EXPECT_TRUE(saw("3"));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(seen, (std::vector<std::string>{"1", "2", "3"}));
}

// Numbers for docs; only gross limits are asserted.
TEST_F(NatsLeafNodes, Latency) {
  NatsRpc m1(*m1_);
  NatsRpc m2(*m2_);
  NatsRpc m3(*m3_);
  const auto served1 = serve(m1, "m1");
  const auto served3 = serve(m3, "m3");
  ASSERT_TRUE(answers(m2, "m3") && answers(m2, "m1") && answers(m1, "m3"));
  const auto median_us = [](const std::function<bool()>& once) {
    std::vector<int64_t> times;
    for (int i = 0; i < 201; ++i) {
      const auto start = std::chrono::steady_clock::now();
      EXPECT_TRUE(once());
      times.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
                          std::chrono::steady_clock::now() - start)
                          .count());
    }
    std::ranges::sort(times);
    return times[times.size() / 2];
  };
  int n = 0;
  const auto put = [&](NatsConnection& connection) {
    return median_us([&] {
      return NatsKeyValue(connection).create(Bucket::plans, std::to_string(n++), "v").has_value();
    });
  };
  const auto call = [&](NatsRpc& rpc, const char* to) {
    return median_us(
        [&] { return rpc.call({MachineId(to), Target::agent, "s"}, 1, kLong).has_value(); });
  };
  std::cout << "median us: put direct " << put(*m1_) << ", put via leaf " << put(*m2_)
            << ", call m1 to m1 " << call(m1, "m1") << ", m1 to m3 " << call(m1, "m3")
            << ", m2 to m1 " << call(m2, "m1") << ", m2 to m3 " << call(m2, "m3") << "\n";
}

TEST(NatsLeafUsers, TwoHundredAreNoBurden) {
  NatsServer server("m1");
  server.config().leaf_listen = LeafListen{"127.0.0.1", free_port()};
  std::string seed;
  for (int i = 2; i <= 201; ++i) {
    const Nkey key = Nkey::generate();
    seed = key.seed();
    server.config().leaves.push_back({MachineId(std::format("m{}", i)), key.public_key()});
  }
  server.write_config();
  const auto start = std::chrono::steady_clock::now();
  server.start();
  while (!is_port_open(server.config().leaf_listen->port)) std::this_thread::yield();
  const auto ready = std::chrono::steady_clock::now() - start;
  RawLeaf last(server.config().leaf_listen->port, "m201", seed);
  EXPECT_TRUE(last.flush());
  std::cout << "200 leaf users: " << std::filesystem::file_size(server.directory() + "/nats.conf")
            << " bytes, ready in "
            << std::chrono::duration_cast<std::chrono::milliseconds>(ready).count() << " ms\n";
  EXPECT_LT(ready, std::chrono::seconds(5));
}

}  // namespace
}  // namespace ployz::contract

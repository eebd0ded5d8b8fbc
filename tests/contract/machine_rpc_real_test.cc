// The MachineRpc contract over a real nats-server, with the users a machine really has, and over
// the peer port.
#include <map>

#include "contract/machine_rpc_contract.h"
#include "contract/nats_cluster.h"
#include "contract/nats_server.h"
#include "contract/peer_world.h"
#include "drivers/nats/rpc.h"

namespace ployz::contract {
namespace {

NatsRole role_of(Target target) {
  return target == Target::agent ? NatsRole::daemon : NatsRole::router;
}

class NatsRpcWorld : public MachineRpcWorld {
 public:
  NatsRpcWorld() { server_.start(); }

  MachineRpc& caller() override { return client("m1", Target::agent).rpc; }
  MachineRpc& server(const std::string& machine, Target target) override {
    return client(machine, target).rpc;
  }
  bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
             const std::function<bool()>& done) override {
    return changed.wait_for(lock, std::chrono::seconds(30), done);
  }

  NatsConnection& connection(const std::string& machine) {
    return *client(machine, Target::agent).connection;
  }
  NatsServer& nats() { return server_; }

 private:
  struct Client {
    explicit Client(std::unique_ptr<NatsConnection> connected)
        : connection(std::move(connected)), rpc(*connection) {}
    std::unique_ptr<NatsConnection> connection;
    NatsRpc rpc;
  };
  Client& client(const std::string& machine, Target target) {
    const std::lock_guard lock(mutex_);
    auto& client = clients_[{machine, target}];
    if (!client) client = std::make_unique<Client>(server_.connect(machine, role_of(target)));
    return *client;
  }

  NatsServer server_;
  std::mutex mutex_;
  std::map<std::pair<std::string, Target>, std::unique_ptr<Client>> clients_;
};

// Every machine's agent and router on that machine's own server; m1 is the store machine.
class LeafRpcWorld : public MachineRpcWorld {
 public:
  explicit LeafRpcWorld(std::string caller) : caller_(std::move(caller)) { (void)this->caller(); }

  MachineRpc& caller() override { return client(caller_, Target::agent).rpc; }
  MachineRpc& server(const std::string& machine, Target target) override {
    return client(machine, target).rpc;
  }
  bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
             const std::function<bool()>& done) override {
    return changed.wait_for(lock, std::chrono::seconds(30), done);
  }
  NatsConnection& connection(const std::string& machine) {
    return *client(machine, Target::agent).connection;
  }
  NatsCluster& cluster() { return cluster_; }

  // A round trip to the store pushes what was told before it; the second brings back the rest.
  void settle() override {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < 2; ++i) {
      for (const auto& [who, client] : clients_) {
        EXPECT_TRUE(client->connection->request({"$JS.ployz.API.STREAM.INFO.COMMITS", "", {}}));
      }
    }
  }

 private:
  struct Client {
    explicit Client(std::unique_ptr<NatsConnection> connected)
        : connection(std::move(connected)), rpc(*connection) {}
    std::unique_ptr<NatsConnection> connection;
    NatsRpc rpc;
  };
  Client& client(const std::string& machine, Target target) {
    const std::lock_guard lock(mutex_);
    auto& client = clients_[{machine, target}];
    if (!client) {
      client = std::make_unique<Client>(
          cluster_.connect(machine, target == Target::agent ? NatsRole::daemon : NatsRole::router));
    }
    return *client;
  }

  const std::string caller_;
  NatsCluster cluster_;
  std::mutex mutex_;
  std::map<std::pair<std::string, Target>, std::unique_ptr<Client>> clients_;
};

std::unique_ptr<MachineRpcWorld> make() {
  return std::make_unique<NatsRpcWorld>();
}

std::unique_ptr<MachineRpcWorld> make_from_leaf() {
  return std::make_unique<LeafRpcWorld>("m2");
}

std::unique_ptr<MachineRpcWorld> make_from_store() {
  return std::make_unique<LeafRpcWorld>("m1");
}

std::unique_ptr<MachineRpcWorld> make_peers() {
  return std::make_unique<PeerRpcWorld>();
}

constexpr std::chrono::milliseconds kLong{20'000};

TEST(NatsRpcReal, GarbageRequestsAreAnsweredWithAnError) {
  NatsRpcWorld world;
  std::atomic<int> handled = 0;
  const auto served = world.server("m2", Target::agent)
                          .serve(MachineId("m2"), Target::agent, [&](const auto&, const auto&) {
                            ++handled;
                            return Json();
                          });
  ASSERT_TRUE(served);
  for (const std::string& bytes :
       {std::string(), std::string("{"), std::string(R"({"version":9,"body":1})"),
        std::string("\0\xff", 2), std::string(100'000, '[')}) {
    const auto reply = world.connection("m1").request({"ployz.rpc.m2.agent.step", bytes, {}});
    ASSERT_TRUE(reply) << reply.error().line();
    EXPECT_TRUE(reply->data.contains("\"error\"")) << reply->data;
  }
  EXPECT_EQ(handled, 0);
  // Without a reply subject there is nobody to answer.
  ASSERT_TRUE(world.connection("m1").publish({"ployz.rpc.m2.agent.step", "{}", {}}));
  EXPECT_TRUE(world.caller().call({MachineId("m2"), Target::agent, "step"}, {}, kLong));
}

TEST(NatsRpcReal, GarbageRepliesAreCorrupt) {
  NatsRpcWorld world;
  NatsConnection& m2 = world.connection("m2");
  const auto served = m2.subscribe("ployz.rpc.m2.agent.*", [&](NatsMessage message) {
    (void)m2.publish({message.reply, "garbage", {}});
  });
  ASSERT_TRUE(served);
  const auto reply = world.caller().call({MachineId("m2"), Target::agent, "step"}, {}, kLong);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::corrupt);
  EXPECT_EQ(reply.error().effect, Effect::unknown);
}

TEST(NatsRpcReal, WhatIsTooLargeIsSaid) {
  NatsRpcWorld world;
  const auto served = world.server("m2", Target::agent)
                          .serve(MachineId("m2"), Target::agent, [](const auto&, const auto&) {
                            return Json(std::string(9 << 20, 'x'));
                          });
  ASSERT_TRUE(served);
  const RpcAddress to{MachineId("m2"), Target::agent, "step"};
  const auto reply = world.caller().call(to, {}, kLong);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::internal);
  const auto request = world.caller().call(to, Json(std::string(9 << 20, 'x')), kLong);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, Code::invalid);
  EXPECT_EQ(request.error().effect, Effect::none);
}

TEST(NatsRpcReal, OverloadIsRefusedAtOnce) {
  NatsRpcWorld world;
  Gate gate(world, 1000);
  NatsRpc two(world.connection("m2"), 2);
  const auto served = two.serve(MachineId("m2"), Target::agent, [&](const auto&, const auto&) {
    gate.pass();
    return Json();
  });
  ASSERT_TRUE(served);
  std::vector<MachineRpc::Call> calls(5, {{MachineId("m2"), Target::agent, "step"}, Json()});
  const auto results = world.caller().call_all(calls, std::chrono::milliseconds(1000));
  const auto count = [&](Code code) {
    return std::ranges::count_if(results,
                                 [&](const auto& r) { return !r && r.error().code == code; });
  };
  EXPECT_EQ(count(Code::unavailable), 3);
  EXPECT_EQ(count(Code::timeout), 2);
  gate.open();
}

TEST(NatsRpcReal, AServerThatRestartsIsServedAgain) {
  NatsRpcWorld world;
  const auto served = world.server("m2", Target::agent)
                          .serve(MachineId("m2"), Target::agent,
                                 [](const auto&, const Json& body) { return body; });
  ASSERT_TRUE(served);
  const RpcAddress to{MachineId("m2"), Target::agent, "step"};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(world.caller().call(to, i, kLong));
    world.nats().kill();
    for (const char* machine : {"m1", "m2"}) {
      while (world.connection(machine).connected()) std::this_thread::yield();
    }
    world.nats().start();
    ASSERT_TRUE(world.connection("m1").wait_connected(std::chrono::seconds(20)));
    ASSERT_TRUE(world.connection("m2").wait_connected(std::chrono::seconds(20)));
  }
  EXPECT_TRUE(world.caller().call(to, 3, kLong));
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Nats, MachineRpcContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(NatsFromLeaf, MachineRpcContract, testing::Values(&make_from_leaf));
INSTANTIATE_TEST_SUITE_P(NatsFromStore, MachineRpcContract, testing::Values(&make_from_store));
INSTANTIATE_TEST_SUITE_P(Peer, MachineRpcContract, testing::Values(&make_peers));

}  // namespace ployz::contract

#include "drivers/nats/server_config.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

constexpr const char* kKey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

NatsServerConfig sample() {
  NatsServerConfig config;
  config.machine = MachineId("m1");
  config.users = {{MachineId("m1"), NatsRole::daemon, kKey, true},
                  {MachineId("m1"), NatsRole::router, kKey, false}};
  return config;
}

// What the server makes of it is proved in tests/contract (nats_permissions_real_test.cc).
TEST(NatsServerConfig, SaysWhatMatters) {
  const auto text = server_config_text(sample());
  ASSERT_TRUE(text);
  for (const std::string_view line :
       {"# store epoch 1\n", "listen: \"127.0.0.1:4222\"\n", "sync_interval: always\n",
        "domain: store\n", "store_dir: \"/var/lib/ployz/nats/store/1\"\n", "max_payload: 8MB\n"}) {
    EXPECT_TRUE(text->contains(line)) << line;
  }
  EXPECT_FALSE(text->contains("leafnodes"));
  NatsServerConfig v6 = sample();
  v6.listen_address = "fd00::1";
  EXPECT_TRUE(server_config_text(v6)->contains("listen: \"[fd00::1]:4222\""));
}

TEST(NatsServerConfig, RoutersCannotWrite) {
  NatsServerConfig config = sample();
  config.users.erase(config.users.begin());
  const auto text = server_config_text(config);
  ASSERT_TRUE(text);
  const std::string users = text->substr(text->find("users: [", text->find("PLOYZ {")));
  for (const std::string_view subject : {"$KV", "ployz.commit", "ployz.rpc.>", "STREAM.CREATE"}) {
    EXPECT_FALSE(users.contains(subject)) << subject;
  }
}

TEST(NatsServerConfig, TheAdminSpeaksWithTheStoreAlone) {
  NatsServerConfig config = sample();
  config.users.push_back({MachineId("m1"), NatsRole::admin, kKey, false});
  const auto text = server_config_text(config);
  ASSERT_TRUE(text) << text.error().line();
  const size_t ployz = text->find("PLOYZ {");
  EXPECT_LT(text->find("# m1 admin"), ployz);
  EXPECT_FALSE(text->substr(ployz).contains("RESTORE"));
  for (const std::string_view call : {"DELETE", "PURGE"}) EXPECT_FALSE(text->contains(call)) << call;
}

TEST(NatsServerConfig, AStoreOfSeveralMachinesKnowsItsMembers) {
  NatsServerConfig config = sample();
  config.cluster = StoreCluster{"ployz-2", "10.101.0.1", 6222, "00ff", {"10.101.1.1", "10.101.2.1"}};
  const auto text = server_config_text(config);
  ASSERT_TRUE(text) << text.error().line();
  for (const std::string_view line :
       {"  name: \"ployz-2\"\n", "  listen: \"10.101.0.1:6222\"\n", "no_advertise: true",
        "authorization { user: ployz, password: \"00ff\"",
        "[\"nats-route://ployz:00ff@10.101.1.1:6222\", \"nats-route://ployz:00ff@10.101.2.1:6222\"]"}) {
    EXPECT_TRUE(text->contains(line)) << line;
  }
  for (const auto& spoil : std::vector<std::function<void(StoreCluster&)>>{
           [](auto& c) { c.secret.clear(); }, [](auto& c) { c.secret = "a\"b"; },
           [](auto& c) { c.name = "a b"; }, [](auto& c) { c.others.push_back("x"); },
           [](auto& c) { c.address.clear(); }}) {
    NatsServerConfig spoilt = config;
    spoil(*spoilt.cluster);
    EXPECT_FALSE(server_config_text(spoilt));
  }
}

TEST(NatsServerConfig, AStoreThatListensLetsNobodyMakeOrEndStreams) {
  NatsServerConfig config = sample();
  config.leaf_listen = LeafListen{"10.101.0.1", 7422};
  config.leaves = {{MachineId("m2"), kKey}};
  const auto text = server_config_text(config);
  ASSERT_TRUE(text) << text.error().line();
  for (const std::string_view line :
       {"listen: \"10.101.0.1:7422\"\n", "authorization { account: NOBODY",
        "{ service: \"$JS.API.STREAM.INFO.*\" }\n", "{ service: \"$KV.>\" }\n",
        "subject: \"$JS.API.STREAM.INFO.*\" }, to: \"$JS.ployz.API.STREAM.INFO.*\" }\n",
        "\"ployz.rpc.m2.>\"", "[\"LEAFNODE\"]"}) {
    EXPECT_TRUE(text->contains(line)) << line;
  }
  for (const std::string_view call : {"DELETE", "PURGE", "RESTORE"}) {
    EXPECT_FALSE(text->contains(call)) << call;
  }
  const std::string_view made = "service: \"$JS.API.STREAM.CREATE.*\"";
  EXPECT_FALSE(text->contains(made));
  EXPECT_TRUE(server_config_text(sample())->contains(made));
}

TEST(NatsServerConfig, ALeafNodeHasNoStore) {
  NatsServerConfig config = sample();
  config.users[0].manages_streams = false;
  config.remote = LeafRemote{{"nats-leaf://10.101.0.1:7422"}, "/var/lib/ployz/nats/leaf.nk"};
  const auto text = server_config_text(config);
  ASSERT_TRUE(text) << text.error().line();
  for (const std::string_view line :
       {"domain: m-m1\n", "include \"leaf.nk\"\n", "urls: [\"nats-leaf://10.101.0.1:7422\"]\n",
        "store_dir: \"/var/lib/ployz/nats/mirror/1\"\n"}) {
    EXPECT_TRUE(text->contains(line)) << line;
  }
  for (const std::string_view subject :
       {"\"$KV.>\"", "\"$JS.API.STREAM.INFO.*\"", "STORE", "domain: store\n"}) {
    EXPECT_FALSE(text->contains(subject)) << subject;
  }
}

TEST(NatsServerConfig, RefusesWhatIsNoLeafNode) {
  const LeafRemote remote{{"nats-leaf://10.101.0.1:7422"}, "/var/lib/ployz/nats/leaf.nk"};
  for (const auto& spoil : std::vector<std::function<void(NatsServerConfig&)>>{
           [](auto& c) { c.leaves = {{MachineId("m2"), kKey}}; },
           [](auto& c) { c.leaf_listen = LeafListen{"", 7422}; },
           [&](auto& c) {
             c.leaf_listen = LeafListen{"10.0.0.1", 7422};
             c.remote = remote;
           },
           [](auto& c) {
             c.leaf_listen = LeafListen{"10.0.0.1", 7422};
             c.leaves = {{MachineId("m2"), "SUsecret"}};
           },
           [](auto& c) { c.remote = LeafRemote{{"nats://10.0.0.1:7422"}, "/leaf.nk"}; },
           [](auto& c) { c.remote = LeafRemote{{"nats-leaf://u:p@10.0.0.1:7422"}, "/leaf.nk"}; },
           [](auto& c) { c.remote = LeafRemote{{"nats-leaf://10.0.0.1:7422"}, "leaf\".nk"}; }}) {
    NatsServerConfig config = sample();
    spoil(config);
    const auto text = server_config_text(config);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Code::invalid);
  }
}

TEST(NatsServerConfig, RefusesWhatItCannotQuote) {
  for (const auto& spoil : std::vector<std::function<void(NatsServerConfig&)>>{
           [](auto& c) { c.users.clear(); }, [](auto& c) { c.machine = MachineId("a\"b"); },
           [](auto& c) { c.users[0].machine = MachineId("*"); },
           [](auto& c) { c.users[0].public_key = "SUsecret"; },
           [](auto& c) { c.data_dir = "/a\"b"; }, [](auto& c) { c.data_dir = "relative"; },
           [](auto& c) { c.listen_address = "127.0.0.1\nport: 1"; }}) {
    NatsServerConfig config = sample();
    spoil(config);
    const auto text = server_config_text(config);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Code::invalid);
  }
}

}  // namespace
}  // namespace ployz

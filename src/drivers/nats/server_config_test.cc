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
        "domain: ployz\n", "store_dir: \"/var/lib/ployz/nats/store/1\"\n", "max_payload: 8MB\n"}) {
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
  for (const std::string_view subject : {"$KV", "ployz.commit", "ployz.rpc.>", "STREAM.CREATE"}) {
    EXPECT_FALSE(text->contains(subject)) << subject;
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

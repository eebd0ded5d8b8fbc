#include "router/router_config.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

RouterConfig sample() {
  RouterConfig config;
  config.machine = MachineId("m1");
  config.nats_url = "nats://127.0.0.1:4222";
  config.seed_file = "/var/lib/ployz/keys/router.nk";
  config.cluster = {"cluster.local", "ployz.local", 8080};
  config.gateway = {"0.0.0.0", 8080};
  config.gateway_threads = 2;
  return config;
}

TEST(RouterConfig, RoundTrips) {
  EXPECT_EQ(router_config_from_json(to_json(sample())).value(), sample());
}

TEST(RouterConfig, NamesWhatIsWrong) {
  Json json = to_json(sample());
  json["gateway_port"] = 70000;
  EXPECT_NE(router_config_from_json(json).error().message.find("gateway_port"), std::string::npos);
  json.erase("machine");
  EXPECT_NE(router_config_from_json(json).error().message.find("machine"), std::string::npos);
}

TEST(RouterConfig, IgnoresFieldsOfANewerDaemon) {
  Json json = to_json(sample());
  json["new"] = 1;
  EXPECT_TRUE(router_config_from_json(json));
}

}  // namespace
}  // namespace ployz

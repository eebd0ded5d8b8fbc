#include "model/config.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(Config, AnEmptyFileIsTheDefaults) {
  EXPECT_EQ(parse_config("", "c"), Config{});
}

TEST(Config, AnAbsentFileIsTheDefaults) {
  EXPECT_EQ(load_config("/nonexistent/config.toml"), Config{});
}

TEST(Config, EveryFieldIsRead) {
  const auto config = parse_config(R"(
data_dir = "/srv/ployz"
cluster_cidr = "10.7.0.0/16"
subnet_prefix_len = 25
gateway_listen_addr = "127.0.0.1:8080"
gateway_https_listen_addr = "0.0.0.0:443"
gateway_threads = 2
[storage]
loopback_size = "4G"
overcommit_ratio = 1.5
)",
                                   "c");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data_dir, "/srv/ployz");
  EXPECT_EQ(config->cluster_cidr, "10.7.0.0/16");
  EXPECT_EQ(config->subnet_prefix_len, 25);
  EXPECT_EQ(config->gateway_listen_addr, (ListenAddress{"127.0.0.1", 8080}));
  EXPECT_EQ(config->gateway_https_listen_addr, (ListenAddress{"0.0.0.0", 443}));
  EXPECT_EQ(config->storage.loopback_size_bytes, 4ull << 30);
  EXPECT_EQ(config->storage.overcommit_ratio, 1.5);
}

struct Bad {
  const char* text;
  const char* message;
};

class BadConfig : public testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsRefusedWithPlaceAndRange) {
  const auto config = parse_config(GetParam().text, "c.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Code::invalid);
  EXPECT_EQ(config.error().message, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadConfig,
    testing::Values(
        Bad{"gateway_threads = 257",
            "c.toml:1:19: gateway_threads must be a whole number, 0 to 256"},
        Bad{"\nsubnet_prefix_len = \"x\"",
            "c.toml:2:21: subnet_prefix_len must be a whole number, 16 to 28"},
        Bad{"gateway_listen_addr = \"80\"",
            "c.toml:1:23: gateway_listen_addr must be an IPv4 address and port such as 0.0.0.0:80"},
        Bad{"cluster_cidr = \"10.101.0.1/16\"",
            "c.toml:1:16: cluster_cidr must be a private IPv4 network such as 10.101.0.0/16, "
            "prefix 8 to 24"},
        Bad{"colour = 1", "c.toml:1:10: unknown key 'colour'"},
        Bad{"[storage]\nloopback_size = \"20\"",
            "c.toml:2:17: storage.loopback_size must be a size such as \"20G\", 1G to 1024T"},
        Bad{"data_dir = \"here\"", "c.toml:1:12: data_dir must be an absolute path"},
        Bad{"storage = 1", "c.toml:1:11: storage must be a table"}));

}  // namespace
}  // namespace ployz

#include "drivers/os/local_endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ployz {
namespace {

using testing::ElementsAre;

TEST(LocalEndpoints, PrivateBeforeCarrierGradeNatBeforePublic) {
  const auto endpoints = order_endpoints({{"eth0", "203.0.113.9"},
                                          {"eth0", "2001:db8::9"},
                                          {"wwan0", "100.64.3.4"},
                                          {"eth1", "192.168.1.5"},
                                          {"eth2", "172.31.255.1"},
                                          {"eth1", "fd12::5"},
                                          {"eth3", "10.0.0.5"}},
                                         "10.101.0.0/16", 51820);
  ASSERT_TRUE(endpoints) << endpoints.error().line();
  EXPECT_THAT(*endpoints, ElementsAre("192.168.1.5:51820", "172.31.255.1:51820", "10.0.0.5:51820",
                                      "[fd12::5]:51820", "100.64.3.4:51820", "203.0.113.9:51820",
                                      "[2001:db8::9]:51820"));
}

TEST(LocalEndpoints, WhatNobodyElseCanReachIsLeftOut) {
  const auto endpoints = order_endpoints(
      {{"lo", "127.0.0.1"},          {"lo", "::1"},
       {"lo", "198.51.100.1"},       {"eth0", "169.254.1.1"},
       {"eth0", "fe80::1"},          {"eth0", "ff02::1"},
       {"docker0", "172.17.0.1"},    {"ployz0", "10.101.0.1"},
       {"ployz-wg", "10.101.0.1"},   {"br-0123456789ab", "172.18.0.1"},
       {"veth01", "10.9.9.9"},       {"eth9", "10.101.7.1"},
       {"eth0", "not an address"},   {"longhaul0", "10.102.0.1"},
       {"eth0", "172.32.0.1"},       {"eth0", "100.128.0.1"},
       {"eth0", "100.128.0.1"}},
      "10.101.0.0/16", 7);
  ASSERT_TRUE(endpoints) << endpoints.error().line();
  EXPECT_THAT(*endpoints, ElementsAre("10.102.0.1:7", "172.32.0.1:7", "100.128.0.1:7"));
}

TEST(LocalEndpoints, AreBounded) {
  std::vector<InterfaceAddress> many;
  for (int i = 1; i < 40; ++i) many.push_back({"eth0", "10.0.0." + std::to_string(i)});
  EXPECT_EQ(order_endpoints(many, "10.101.0.0/16", 1)->size(), kMaxEndpoints);
  EXPECT_EQ(order_endpoints(many, "everything", 1).error().code, Code::invalid);
}

TEST(LocalEndpoints, OfThisHostCanBeRead) {
  const auto endpoints = local_endpoints("10.101.0.0/16", 51820);
  ASSERT_TRUE(endpoints) << endpoints.error().line();
  for (const std::string& endpoint : *endpoints) {
    EXPECT_TRUE(endpoint.ends_with(":51820")) << endpoint;
    EXPECT_FALSE(endpoint.starts_with("127.")) << endpoint;
  }
}

}  // namespace
}  // namespace ployz

// What every implementation of Dns promises. The factory yields the port and keeps its server.
#pragma once

#include <chrono>
#include <format>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "ports/dns.h"

namespace ployz::contract {

struct DnsUnderTest {
  std::shared_ptr<void> server;
  std::shared_ptr<Dns> dns;
};

class DnsContract : public testing::TestWithParam<DnsUnderTest (*)()> {
 protected:
  void SetUp() override {
    under_test_ = GetParam()();
    ASSERT_TRUE(under_test_.dns);
  }
  // Replaces, and reads back the same.
  void replace(const DnsRecords& records) {
    const Status replaced = under_test_.dns->replace(records);
    ASSERT_TRUE(replaced) << replaced.error().line();
    const auto served = under_test_.dns->records();
    ASSERT_TRUE(served) << served.error().line();
    EXPECT_EQ(*served, records);
  }
  DnsUnderTest under_test_;
};

inline DnsRecords many_records(int count) {
  DnsRecords records;
  for (int i = 0; i < count; ++i) {
    records[std::format("s{}.shop", i)] = {std::format("10.1.{}.{}", i / 250, i % 250 + 1)};
  }
  return records;
}

TEST_P(DnsContract, NamesComeChangeAndGo) {
  replace({});
  replace({{"web.shop", {"10.0.0.1", "10.0.0.2"}}, {"db.shop", {"10.0.0.3"}}});
  replace({{"web.shop", {"10.0.0.2", "10.0.0.4"}}, {"api", {"10.0.0.3"}}});
  replace({{"web.shop", {"10.0.0.2"}}});
  replace({});
}

TEST_P(DnsContract, MayBeRepeated) {
  for (int i = 0; i < 3; ++i) replace({{"web.shop", {"10.0.0.1"}}});
}

TEST_P(DnsContract, AddressesMayBeShared) {
  replace({{"web.shop", {"10.0.0.1"}}, {"web.other", {"10.0.0.1"}}, {"shop", {"10.0.0.1"}}});
  replace({{"web.other", {"10.0.0.1"}}});
}

TEST_P(DnsContract, AThousandRecordsInOneTransaction) {
  const auto start = std::chrono::steady_clock::now();
  replace(many_records(1000));
  const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  RecordProperty("milliseconds", std::to_string(taken.count()));
  EXPECT_LT(taken, std::chrono::seconds(2));
  replace(many_records(999));
  replace({});
}

}  // namespace ployz::contract

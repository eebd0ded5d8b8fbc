#include "drivers/knot/zone_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ployz {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

AddressRecord record(std::string owner, std::string address, std::string ttl = "1") {
  return {std::move(owner), std::move(ttl), std::move(address)};
}

TEST(ZoneChanges, EqualZonesDifferInNothing) {
  EXPECT_TRUE(zone_changes({record("a.shop", "10.0.0.1")}, {{"a.shop", {"10.0.0.1"}}}).empty());
  EXPECT_TRUE(zone_changes({}, {}).empty());
}

TEST(ZoneChanges, WhatStaysOfANameIsNotTouched) {
  const auto changes = zone_changes({record("a.shop", "10.0.0.1"), record("a.shop", "10.0.0.2")},
                                    {{"a.shop", {"10.0.0.2", "10.0.0.3"}}});
  EXPECT_THAT(changes.unset, UnorderedElementsAre(record("a.shop", "10.0.0.1")));
  EXPECT_THAT(changes.set, UnorderedElementsAre(record("a.shop", "10.0.0.3")));
}

TEST(ZoneChanges, NamesComeAndGo) {
  const auto changes = zone_changes({record("a.shop", "10.0.0.1")}, {{"b.shop", {"10.0.0.1"}}});
  EXPECT_THAT(changes.unset, UnorderedElementsAre(record("a.shop", "10.0.0.1")));
  EXPECT_THAT(changes.set, UnorderedElementsAre(record("b.shop", "10.0.0.1")));
}

TEST(ZoneChanges, ANameWithAnotherTtlIsMadeAnew) {
  const auto changes =
      zone_changes({record("a.shop", "10.0.0.1", "60"), record("a.shop", "10.0.0.2", "60")},
                   {{"a.shop", {"10.0.0.1"}}});
  EXPECT_THAT(changes.unset, UnorderedElementsAre(record("a.shop", "10.0.0.1", "60"),
                                                  record("a.shop", "10.0.0.2", "60")));
  EXPECT_THAT(changes.set, UnorderedElementsAre(record("a.shop", "10.0.0.1")));
}

TEST(ZoneChanges, ANameWithoutAddressesIsNoName) {
  const auto changes = zone_changes({record("a.shop", "10.0.0.1")}, {{"a.shop", {}}});
  EXPECT_THAT(changes.unset, UnorderedElementsAre(record("a.shop", "10.0.0.1")));
  EXPECT_THAT(changes.set, IsEmpty());
}

TEST(ZoneText, IsAZoneFile) {
  EXPECT_EQ(zone_text("cluster.local", 7, {{"a.shop", {"10.0.0.1", "10.0.0.2"}}}),
            "; Written by Ployz at every change; read by knotd when it starts.\n"
            "$ORIGIN cluster.local.\n"
            "$TTL 1\n"
            "@ SOA ns.invalid. hostmaster.invalid. 7 3600 600 604800 1\n"
            "@ NS ns.invalid.\n"
            "a.shop A 10.0.0.1\n"
            "a.shop A 10.0.0.2\n");
}

TEST(ZoneText, SerialIsReadBack) {
  EXPECT_EQ(soa_serial(soa_data(4294967295)), 4294967295u);
  for (const auto* text : {"", "ns. mail.", "ns. mail. x 1", "ns. mail. 4294967296 1"}) {
    const auto serial = soa_serial(text);
    ASSERT_FALSE(serial) << text;
    EXPECT_EQ(serial.error().code, Code::corrupt);
  }
}

TEST(CheckRecords, RefusesWhatNoZoneHolds) {
  EXPECT_TRUE(check_records({{"web.shop", {"10.0.0.1"}}, {"x", {}}}, "cluster.local"));
  for (const auto* name : {"", "Web", "a..b", ".a", "a b", "@", "a\nb", "a;"}) {
    const auto checked = check_records({{name, {"10.0.0.1"}}}, "cluster.local");
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, Code::invalid);
  }
  for (const auto* address : {"", "10.0.0", "::1", "10.0.0.1 ", "10.0.0.256", "010.0.0.1"}) {
    EXPECT_FALSE(check_records({{"web.shop", {address}}}, "cluster.local")) << address;
  }
  EXPECT_FALSE(check_records({{std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                   std::string(63, 'c') + "." + std::string(55, 'd'),
                               {"10.0.0.1"}}},
                             "cluster.local"));
}

}  // namespace
}  // namespace ployz

#include "mesh/newcomer.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

constexpr uint64_t kNow = 1'700'000'000'000;

std::string wireguard_key(char c) { return std::string(43, c) + "="; }
std::string user_key(char c) { return "U" + std::string(55, c); }

SelfRecord record() {
  return {MachineId("01arz3ndektsv4rrffq69g5fav"), "m2", "0.1.0", wireguard_key('b'),
          user_key('B'), {"192.0.2.8:51820"}, kNow};
}

Roster with_member() {
  Machine member;
  member.id = MachineId("01arz3ndektsv4rrffq69g5faa");
  member.name = "m1";
  member.wireguard_public_key = wireguard_key('a');
  member.nats_public_key = user_key('A');
  return {{member}, {}};
}

TEST(ClockSkew, MoreThanTheBoundIsRefusedWithFigures) {
  EXPECT_TRUE(check_clock_skew(kNow, kNow, 0));
  EXPECT_TRUE(check_clock_skew(kNow + 5'000, kNow, 0));
  EXPECT_TRUE(check_clock_skew(kNow - 5'000, kNow, 0));
  const Status ahead = check_clock_skew(kNow + 600'000, kNow, kRecordTransferMs);
  ASSERT_FALSE(ahead);
  EXPECT_EQ(ahead.error().code, Code::precondition);
  EXPECT_TRUE(ahead.error().message.contains("600.0 s ahead")) << ahead.error().message;
  const Status behind = check_clock_skew(kNow - 600'000, kNow, kRecordTransferMs);
  EXPECT_TRUE(behind.error().message.contains("600.0 s behind")) << behind.error().message;
}

TEST(ClockSkew, TheTransferExplainsAnEarlierTimeOnly) {
  EXPECT_TRUE(check_clock_skew(kNow - 14'000, kNow, 10'000));
  EXPECT_FALSE(check_clock_skew(kNow - 16'000, kNow, 10'000));
  EXPECT_FALSE(check_clock_skew(kNow + 6'000, kNow, 10'000));
}

TEST(VersionFits, MajorAndMinorMustBeTheSame) {
  EXPECT_TRUE(check_version_fits("0.1.0", "0.1.7"));
  EXPECT_TRUE(check_version_fits("0.1.0-rc1", "0.1.0"));
  EXPECT_TRUE(check_version_fits("0.1", "0.1.0"));
  const Status older = check_version_fits("0.1.9", "0.2.0");
  ASSERT_FALSE(older);
  EXPECT_TRUE(older.error().hint.contains("on the machine")) << older.error().hint;
  const Status newer = check_version_fits("1.2.0", "0.2.0");
  EXPECT_TRUE(newer.error().hint.contains("network's")) << newer.error().hint;
  for (const char* garbage : {"", "1", "one.two", "0.1x", "."}) {
    EXPECT_FALSE(check_version_fits(garbage, "0.1.0")) << garbage;
  }
}

TEST(Newcomer, MayComeIn) {
  EXPECT_TRUE(check_newcomer(record(), "m2", with_member(), kNow));
}

TEST(Newcomer, WhatIsTakenIsNamed) {
  const Roster roster = with_member();
  EXPECT_EQ(check_newcomer(record(), "m1", roster, kNow).error().code, Code::exists);
  SelfRecord same_id = record();
  same_id.id = roster.machines.front().id;
  EXPECT_TRUE(check_newcomer(same_id, "m2", roster, kNow).error().message.contains("member"));
  SelfRecord same_key = record();
  same_key.wireguard_public_key = wireguard_key('a');
  EXPECT_EQ(check_newcomer(same_key, "m2", roster, kNow).error().code, Code::exists);
  same_key = record();
  same_key.nats_public_key = user_key('A');
  EXPECT_EQ(check_newcomer(same_key, "m2", roster, kNow).error().code, Code::exists);
}

TEST(Newcomer, AnotherAdmissionCountsUntilItExpires) {
  Roster roster = with_member();
  Admission other;
  other.machine.id = MachineId("01arz3ndektsv4rrffq69g5fab");
  other.machine.name = "m2";
  other.expires_at_ms = kNow + 1;
  roster.admissions = {{other, 1}};
  EXPECT_EQ(check_newcomer(record(), "m2", roster, kNow).error().code, Code::exists);
  EXPECT_TRUE(check_newcomer(record(), "m2", roster, kNow + 1));
}

TEST(Newcomer, GarbageIsInvalid) {
  SelfRecord bad = record();
  bad.id = MachineId("../machines");
  EXPECT_EQ(check_newcomer(bad, "m2", {}, kNow).error().code, Code::invalid);
  bad = record();
  bad.wireguard_public_key = "not a key";
  EXPECT_EQ(check_newcomer(bad, "m2", {}, kNow).error().code, Code::invalid);
  bad = record();
  bad.nats_public_key = "UABC";
  EXPECT_EQ(check_newcomer(bad, "m2", {}, kNow).error().code, Code::invalid);
  EXPECT_EQ(check_newcomer(record(), "M 2", {}, kNow).error().code, Code::invalid);
}

}  // namespace
}  // namespace ployz

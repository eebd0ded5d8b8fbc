#include "model/admission.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace ployz {
namespace {

SelfRecord sample_record() {
  return {MachineId("01arz3ndektsv4rrffq69g5fav"), "m2", "0.1.0", "wg=", "UABC",
          {"192.0.2.8:51820"}, 1'700'000'000'000};
}

JoinBundle sample_bundle() {
  Machine founder;
  founder.id = MachineId("01arz3ndektsv4rrffq69g5fa1");
  founder.name = "m1";
  founder.subnet = "10.101.0.0/24";
  founder.overlay_address = "10.101.0.1";
  founder.stores = true;
  Machine joining = founder;
  joining.id = sample_record().id;
  joining.name = "m2";
  joining.subnet = "10.101.1.0/24";
  joining.overlay_address = "10.101.1.1";
  joining.stores = false;
  return {{"prod", "10.101.0.0/16", 24, "cluster.local", "ployz.local"},
          {joining, OperationId("o1"), 1'700'000'900'000},
          {founder},
          3};
}

TEST(Admission, Goldens) {
  testing::expect_golden("self_record/v1.json", to_json(sample_record()));
  testing::expect_golden("join_bundle/v1.json", to_json(sample_bundle()));
  for (const Json& golden : testing::goldens("self_record")) {
    EXPECT_TRUE(self_record_from_json(golden));
  }
  for (const Json& golden : testing::goldens("join_bundle")) {
    EXPECT_TRUE(join_bundle_from_json(golden));
  }
}

TEST(Admission, RoundTrip) {
  EXPECT_EQ(self_record_from_json(to_json(sample_record())), sample_record());
  EXPECT_EQ(join_bundle_from_json(to_json(sample_bundle())), sample_bundle());
  EXPECT_EQ(admission_from_json(to_json(sample_bundle().admission)), sample_bundle().admission);
  EXPECT_EQ(network_settings_from_json(to_json(sample_bundle().network)), sample_bundle().network);
}

TEST(Admission, AnotherVersionIsSaidAndGarbageRefused) {
  Json newer = to_json(sample_bundle());
  newer["format"] = kAdmissionVersion + 1;
  EXPECT_EQ(join_bundle_from_json(newer).error().code, Code::invalid);
  EXPECT_EQ(join_bundle_from_json(Json::array()).error().code, Code::invalid);
  Json without = to_json(sample_bundle());
  without.erase("epoch");
  EXPECT_EQ(join_bundle_from_json(without).error().code, Code::invalid);
}

}  // namespace
}  // namespace ployz

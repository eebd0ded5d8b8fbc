#include "plan/change_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ployz {
namespace {

std::vector<ChangeRequest> samples() {
  const NamespaceName shop("shop"), pr("pr");
  const VolumeName data("data");
  return {
      BranchRequest{shop, pr, BranchMode::fresh, BranchMode::branch,
                    {{ServiceName("web"), BranchMode::branch}}, {{data, BranchMode::fresh}},
                    Consistency::crash},
      ForkVolumeRequest{shop, data, shop, VolumeName("data_2"), Consistency::pause},
      MigrateRequest{shop, ServiceName("db"), "m2"},
      PromoteRequest{pr, shop, {{data, PromoteData::take}}, {}},
      RollbackRequest{shop, "01abc", RollbackData::commit},
      VolumeSnapshotRequest{shop, {}},
      VolumeRmRequest{shop, data},
      VolumePruneRequest{shop, 3},
  };
}

TEST(ChangeRequest, EveryKindIsReadBack) {
  ASSERT_EQ(samples().size(), std::variant_size_v<ChangeRequest>);
  for (const ChangeRequest& request : samples()) {
    const Json json = to_json(request);
    EXPECT_EQ(json["kind"], kind_of(request));
    const auto again = change_request_from_json(json);
    ASSERT_TRUE(again) << again.error().line();
    EXPECT_EQ(to_json(*again), json);
  }
}

TEST(ChangeRequest, WhatIsMisspeltIsRefused) {
  const auto refused = [](const char* text, const char* says) {
    const auto request = change_request_from_json(Json::parse(text));
    ASSERT_FALSE(request) << text;
    EXPECT_EQ(request.error().code, Code::invalid) << text;
    EXPECT_THAT(request.error().line(), ::testing::HasSubstr(says)) << text;
  };
  refused(R"({"kind":"brunch","source":"a","target":"b"})", "kind");
  refused(R"({"kind":"branch","source":"a"})", "target");
  refused(R"({"kind":"branch","source":"a","target":"b","volume":{}})", "unknown field 'volume'");
  refused(R"({"kind":"branch","source":"a","target":"B!"})", "namespace name");
  refused(R"({"kind":"branch","source":"a","target":"b","volumes":{"d":"copy"}})", "branch or fresh");
  refused(R"({"kind":"rollback","namespace":"a","state":"first"})", "last, commit or keep");
  refused(R"({"kind":"volume_rm","namespace":"a","volume":"../x"})", "volume name");
  refused(R"({"kind":"volume_prune","namespace":"a","keep":-1})", "keep");
}

}  // namespace
}  // namespace ployz

// What machines of the minor versions before and after this one must understand: goldens.
#include "mesh/update_calls.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(UpdateCalls, Goldens) {
  const Package package{"0.2.0", "amd64", "sha256:ab", 20};
  const std::string packed =
      R"({"architecture":"amd64","sha256":"sha256:ab","size_bytes":20,"version":"0.2.0"})";
  EXPECT_EQ(to_text(to_json(package)), packed);
  EXPECT_EQ(package_from_json(*parse_json(packed)), package);

  const UpdateState state{
      "0.1.0", "0.2.0", "amd64", true,
      UpdateNote{OperationId("op-1"), "0.1.0", "0.2.0", UpdateStage::going_back, "it died"},
      {"dns: dead"}};
  const std::string told =
      R"({"architecture":"amd64","installed":"0.2.0","last":{"error":"it died","from":"0.1.0",)"
      R"("operation":"op-1","stage":"going_back","to":"0.2.0"},"problems":["dns: dead"],)"
      R"("updating":true,"version":"0.1.0"})";
  EXPECT_EQ(to_text(to_json(state)), told);
  EXPECT_EQ(update_state_from_json(*parse_json(told)), state);
  const std::string never =
      R"({"architecture":"amd64","installed":"0.1.0","problems":[],"updating":false,)"
      R"("version":"0.1.0"})";
  EXPECT_EQ(to_text(to_json(UpdateState{"0.1.0", "0.1.0", "amd64", false, {}, {}})), never);
  EXPECT_FALSE(update_state_from_json(*parse_json(never))->last);

  EXPECT_EQ(to_text(to_json(PackageFetch{"t1", package, "k", "10.101.0.1:4319"})),
            R"({"address":"10.101.0.1:4319","key":"k","package":)" + packed +
                R"(,"transfer":"t1"})");
  EXPECT_EQ(to_text(to_json(UpdateInstall{OperationId("op-1"), "0.2.0"})),
            R"({"operation":"op-1","version":"0.2.0"})");
}

TEST(UpdateCalls, WhatALaterMachineAddsIsIgnoredAndWhatIsMissingIsNamed) {
  Json state = to_json(UpdateState{"0.1.0", "0.1.0", "amd64", false, {}, {}});
  state["mood"] = "good";
  EXPECT_TRUE(update_state_from_json(state));
  for (const char* key : {"version", "installed", "architecture", "updating"}) {
    Json missing = state;
    missing.erase(key);
    const auto read = update_state_from_json(missing);
    ASSERT_FALSE(read) << key;
    EXPECT_TRUE(read.error().message.contains(key)) << read.error().message;
  }
  state["last"] = Json::object();
  EXPECT_FALSE(update_state_from_json(state));
}

// As packaging/update writes it.
TEST(UpdateCalls, TheUpdatersNote) {
  const auto note = parse_update_note(
      "operation=op-1\nfrom=0.1.0\nto=0.2.0\nstage=back\nerror=a=b, and more\n");
  ASSERT_TRUE(note) << note.error().line();
  EXPECT_EQ(*note, (UpdateNote{OperationId("op-1"), "0.1.0", "0.2.0", UpdateStage::back,
                               "a=b, and more"}));
  EXPECT_TRUE(has_ended(note->stage));
  for (const char* garbage : {"", "operation=op-1\n", "operation=\nstage=done\n",
                              "operation=op-1\nstage=asleep\n", "\n\n=\n"}) {
    const auto read = parse_update_note(garbage);
    ASSERT_FALSE(read) << garbage;
    EXPECT_EQ(read.error().code, Code::corrupt);
  }
}

}  // namespace
}  // namespace ployz

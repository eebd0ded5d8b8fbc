#include "ports/peer_calls.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(PeerCalls, AHelloIsReadStrictly) {
  const PeerHello hello{MachineId("m1"), "lab", 3, "1.0", true};
  const Json json = to_json(hello);
  EXPECT_EQ(to_text(json),
            R"({"connected":true,"epoch":3,"machine":"m1","network":"lab","protocol":1,)"
            R"("version":"1.0"})");
  EXPECT_EQ(peer_hello_from_json(json), hello);
  Json newer = json;
  newer["mood"] = "good";
  EXPECT_EQ(peer_hello_from_json(newer), hello);
  // As a machine of before 0.2 says it.
  Json older = json;
  older.erase("protocol");
  EXPECT_EQ(peer_hello_from_json(older), hello);
  for (const auto& [key, value] : older.items()) {
    Json missing = json;
    missing.erase(key);
    const auto read = peer_hello_from_json(missing);
    ASSERT_FALSE(read) << key;
    EXPECT_EQ(read.error().code, Code::invalid);
    EXPECT_TRUE(read.error().message.contains(key)) << read.error().message;
    Json other = json;
    other[key] = Json::array();
    EXPECT_FALSE(peer_hello_from_json(other)) << key;
  }
  EXPECT_FALSE(peer_hello_from_json(Json::array()));
  EXPECT_FALSE(peer_hello_from_json(
      {{"machine", ""}, {"network", "lab"}, {"epoch", 1}, {"version", ""}, {"connected", true}}));
}

TEST(StoreMirror, SaysHowFarACopyIs) {
  const MirrorReach reach{3, true, false, 7, 90, 8, 91, 1500};
  const Json json = to_json(reach);
  EXPECT_EQ(to_text(json),
            R"({"commits":7,"complete":true,"epoch":3,"records":90,"recovering":false,)"
            R"("stored_commits":8,"stored_records":91,"window_ms":1500})");
  EXPECT_EQ(mirror_reach_from_json(json), reach);
  for (const auto& [key, value] : json.items()) {
    Json missing = json;
    missing.erase(key);
    EXPECT_FALSE(mirror_reach_from_json(missing)) << key;
    Json other = json;
    other[key] = Json::array();
    EXPECT_FALSE(mirror_reach_from_json(other)) << key;
  }
}

TEST(PeerRemoval, SaysWhetherAndByWhatAndWhen) {
  const RemovalAnswer member{3, std::nullopt};
  EXPECT_EQ(to_text(to_json(member)), R"({"epoch":3})");
  EXPECT_EQ(removal_answer_from_json(to_json(member)), member);
  const RemovalAnswer removed{3, RemovalNotice{OperationId("op"), 7, true}};
  EXPECT_EQ(to_text(to_json(removed)),
            R"({"epoch":3,"removed":{"forced":true,"operation":"op","removed_at_ms":7}})");
  EXPECT_EQ(removal_answer_from_json(to_json(removed)), removed);
  // Half a notice is no answer, least of all that it is a member.
  EXPECT_FALSE(removal_answer_from_json({{"epoch", 3}, {"removed", Json::object()}}));
  EXPECT_FALSE(removal_answer_from_json({{"epoch", 3}, {"removed", Json()}}));
  EXPECT_FALSE(removal_answer_from_json(Json::object()));
}

}  // namespace
}  // namespace ployz

#include "ports/peer_calls.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(PeerCalls, AHelloIsReadStrictly) {
  const PeerHello hello{MachineId("m1"), "lab", 3, "1.0", true};
  const Json json = to_json(hello);
  EXPECT_EQ(to_text(json),
            R"({"connected":true,"epoch":3,"machine":"m1","network":"lab","version":"1.0"})");
  EXPECT_EQ(peer_hello_from_json(json), hello);
  Json newer = json;
  newer["mood"] = "good";
  EXPECT_EQ(peer_hello_from_json(newer), hello);
  for (const auto& [key, value] : json.items()) {
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

}  // namespace
}  // namespace ployz

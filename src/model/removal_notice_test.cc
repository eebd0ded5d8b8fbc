#include "model/removal_notice.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(RemovalNotice, SaysWhoWasRemovedFromWhereWhenAndByWhat) {
  const RemovalNotice notice{OperationId("01arz3ndektsv4rrffq69g5fav"), 1'767'323'045'678, true};
  EXPECT_EQ(describe(notice, "m3", "prod"),
            "machine m3 was removed from network prod at 2026-01-02 03:04:05 UTC, by machine rm "
            "--force (operation 01arz3ndektsv4rrffq69g5fav)");
}

TEST(RemovalNotice, IsReadStrictly) {
  const RemovalNotice notice{OperationId("01arz3ndektsv4rrffq69g5fav"), 7, false};
  const Json json = to_json(notice);
  EXPECT_EQ(to_text(json),
            R"({"forced":false,"operation":"01arz3ndektsv4rrffq69g5fav","removed_at_ms":7})");
  EXPECT_EQ(removal_notice_from_json(json), notice);
  for (const auto& [key, value] : json.items()) {
    Json missing = json;
    missing.erase(key);
    EXPECT_FALSE(removal_notice_from_json(missing)) << key;
    Json other = json;
    other[key] = Json::array();
    EXPECT_FALSE(removal_notice_from_json(other)) << key;
  }
}

}  // namespace
}  // namespace ployz

#include "base/json.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(ParseJson, NamesLineAndColumn) {
  const auto json = parse_json("{\n  \"a\": 1,\n  \"b\" 2\n}");
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, Code::invalid);
  EXPECT_EQ(json.error().message, "line 3, column 7: not valid JSON");
}

TEST(ParseJson, RefusesDeepNestingButNotBracketsInStrings) {
  EXPECT_FALSE(parse_json(std::string(100000, '[')));
  EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')));
  EXPECT_TRUE(parse_json("[\"" + std::string(1000, '[') + "\\\"" + std::string(99, '{') + "\"]"));
}

TEST(ParseJson, RefusesInvalidUtf8) { EXPECT_FALSE(parse_json("\"\xff\"")); }

TEST(GetFields, SayWhichFieldAndWhatItShouldBe) {
  const Json object = {{"n", -1}, {"s", "x"}, {"list", {1}}};
  EXPECT_EQ(get_uint(object, "n").error().message,
            "field 'n' must be a whole number of at least 0, not number");
  EXPECT_EQ(get_string(object, "gone").error().message, "field 'gone' is missing");
  EXPECT_FALSE(get_strings(object, "list"));
  EXPECT_EQ(get_string(object, "s"), "x");
  EXPECT_EQ(get_int(object, "n"), -1);
  EXPECT_EQ(get_uint_or(object, "gone", 7), 7u);
  EXPECT_FALSE(get_string(Json(3), "s"));
}

TEST(ErrorJson, RoundTrips) {
  const Error error{Code::conflict, Effect::unknown, "m", "h", {{"machine", "a"}}};
  EXPECT_EQ(error_from_json(error_to_json(error)), error);
}

TEST(ErrorJson, GarbageBecomesCorruptWithUnknownEffect) {
  EXPECT_EQ(error_from_json(Json(1)).code, Code::corrupt);
  EXPECT_EQ(error_from_json(Json::object()).effect, Effect::unknown);
}

TEST(ToText, NeverThrows) { EXPECT_EQ(to_text(Json("\xff")), "\"\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace ployz

#include "model/units.h"

#include <gtest/gtest.h>

#include "model/image_reference.h"
#include "model/keys.h"

namespace ployz {
namespace {

TEST(Units, Sizes) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("1000"), 1000U);
  EXPECT_EQ(parse_size("1K"), 1024U);
  EXPECT_EQ(parse_size("512M"), 512ULL << 20);
  EXPECT_EQ(parse_size("20G"), 20ULL << 30);
  EXPECT_EQ(parse_size("3T"), 3ULL << 40);
  EXPECT_EQ(parse_size("9223372036854775807"), INT64_MAX);
}

TEST(Units, BadSizes) {
  for (const char* text : {"", "G", "-1", "+1", " 1", "1 G", "1g", "1GB", "1.5G", "0x10", "1P",
                           "9223372036854775808", "8388608T", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Units, Durations) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_duration("0s"), 0ms);
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("10s"), 10'000ms);
  EXPECT_EQ(parse_duration("2m"), 120'000ms);
  EXPECT_EQ(parse_duration("1h"), 3'600'000ms);
  EXPECT_EQ(parse_duration("24h"), 86'400'000ms);
}

TEST(Units, BadDurations) {
  for (const char* text : {"", "10", "s", "-1s", "1.5s", "1 s", "1S", "1d", "1m30s", "25h",
                           "86400001ms", "18446744073709551615h", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Keys, EditDistance) {
  EXPECT_EQ(edit_distance("image", "image"), 0U);
  EXPECT_EQ(edit_distance("imge", "image"), 1U);
  EXPECT_EQ(edit_distance("iamge", "image"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Keys, Nearest) {
  const std::vector<std::string_view> known{"image", "env", "replicas", "route"};
  EXPECT_EQ(nearest_key("imge", known), "image");
  EXPECT_EQ(nearest_key("replica", known), "replicas");
  EXPECT_EQ(nearest_key("evn", known), "env");
  EXPECT_EQ(nearest_key("colour", known), "");
  EXPECT_EQ(nearest_key(std::string(1 << 20, 'i'), known), "");
}

TEST(ImageReference, Accepts) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  for (const std::string& text :
       {std::string("web"), std::string("web:1"), std::string("shop/web:1.4"),
        std::string("a/b/c/d"), std::string("docker.io/library/web"),
        std::string("localhost/web:latest"), std::string("registry:5000/shop/web"),
        std::string("registry.example.com:5000/shop/web:1"), std::string("my_app--x/we__b.y"),
        std::string("web:Tag_1.2-x"), "web@" + digest, "shop/web:1@" + digest, digest}) {
    EXPECT_TRUE(is_image_reference(text)) << text;
  }
}

TEST(ImageReference, Refuses) {
  for (const std::string& text : {std::string(),
                                  std::string(" "),
                                  std::string("Web"),
                                  std::string("shop/Web"),
                                  std::string("web:"),
                                  std::string(":1"),
                                  std::string("/web"),
                                  std::string("web/"),
                                  std::string("a//b"),
                                  std::string("web 1"),
                                  std::string("web:1:2"),
                                  std::string("web@"),
                                  std::string("web@sha256:abc"),
                                  std::string("-web"),
                                  std::string("web-"),
                                  std::string("we..b"),
                                  std::string("we___b"),
                                  std::string("https://web"),
                                  std::string("registry:port/web"),
                                  std::string("web:-1"),
                                  std::string("web\n"),
                                  std::string("--privileged"),
                                  std::string(300, 'a'),
                                  "web:" + std::string(129, 'a')}) {
    EXPECT_FALSE(is_image_reference(text)) << text;
  }
}

}  // namespace
}  // namespace ployz

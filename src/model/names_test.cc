#include "model/names.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

const std::string kLabel63(63, 'a');

TEST(Names, AcceptsDnsLabels) {
  for (const std::string name : {"a", "0", "web", "web-2", "a--b", "web-", kLabel63.c_str()}) {
    EXPECT_TRUE(check_dns_label(name, "service name")) << name;
  }
}

TEST(Names, RefusesWhatIsNoDnsLabel) {
  for (const std::string name : {"", "-web", "Web", "web_2", "wéb", "a b", "a.b", "a\n"}) {
    const Status status = check_dns_label(name, "service name");
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().code, Code::invalid);
    EXPECT_TRUE(status.error().message.starts_with("service name '")) << status.error().message;
    EXPECT_FALSE(status.error().message.contains('\n'));
    EXPECT_FALSE(status.error().hint.empty());
  }
  EXPECT_FALSE(check_dns_label(kLabel63 + "a", "service name"));
}

TEST(Names, VolumesMayHaveUnderscores) {
  EXPECT_TRUE(check_volume_name("pg_data-1", "volume name"));
  EXPECT_FALSE(check_volume_name("_data", "volume name"));
  EXPECT_FALSE(check_volume_name("pg.data", "volume name"));
}

TEST(Names, Hostnames) {
  for (const char* name : {"localhost", "shop.example.com", "*.example.com", "1.2.3.4", "a-b.c"}) {
    EXPECT_TRUE(check_hostname(name)) << name;
  }
  for (const char* name : {"", ".", "*.", "*", "a..b", ".a", "a.", "-a.b", "a-.b", "A.b", "a_b.c",
                           "a.*.b", "*.*.a", "a b", "shop.example.com/x", "a:80"}) {
    EXPECT_FALSE(check_hostname(name)) << name;
  }
  std::string longest;
  for (int i = 0; i < 126; ++i) longest += "a.";
  EXPECT_TRUE(check_hostname(longest + "a"));  // 253
  EXPECT_FALSE(check_hostname(longest + "aa"));
  EXPECT_FALSE(check_hostname("a." + kLabel63 + "a"));
}

TEST(Names, LongNamesAreCutInMessages) {
  const Status status = check_dns_label(std::string(1 << 20, 'A'), "service name");
  ASSERT_FALSE(status);
  EXPECT_LT(status.error().message.size(), 200U);
}

}  // namespace
}  // namespace ployz

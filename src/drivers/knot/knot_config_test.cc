#include "drivers/knot/knot_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ployz {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

KnotConfig good() {
  return {.listen = {"10.101.0.1"}, .zone = "cluster.local", .upstreams = {"192.0.2.53"}};
}

TEST(KnotConfigText, NamesWhatItWasGiven) {
  KnotConfig config = good();
  config.listen.push_back("127.0.0.1@5353");
  config.upstreams.push_back("192.0.2.54@53");
  const auto text = knot_config_text(config);
  ASSERT_TRUE(text) << text.error().line();
  for (const auto* part :
       {"rundir: \"/run/ployz/knot\"\n", "listen: [10.101.0.1, 127.0.0.1@5353]\n",
        "listen: \"/run/ployz/knot/knot.sock\"\n", "address: [192.0.2.53, 192.0.2.54@53]\n",
        "global-module: mod-dnsproxy/resolvers\n", "fallback: on\n", "catch-nxdomain: off\n",
        "storage: \"/var/lib/ployz/knot\"\n", "domain: cluster.local\n", "file: cluster.zone\n",
        "journal-content: none\n", "zonefile-load: whole\n", "zonefile-sync: -1\n"}) {
    EXPECT_THAT(*text, HasSubstr(part));
  }
}

TEST(KnotConfigText, WithoutResolversNothingIsForwarded) {
  KnotConfig config = good();
  config.upstreams.clear();
  const auto text = knot_config_text(config);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, Not(HasSubstr("dnsproxy")));
  EXPECT_THAT(*text, Not(HasSubstr("remote")));
}

TEST(KnotConfigText, RefusesWhatCannotBeWritten) {
  std::vector<KnotConfig> bad(9, good());
  bad[0].listen.clear();
  bad[1].listen = {"::1"};
  bad[2].listen = {"10.101.0.1@0"};
  bad[3].upstreams = {"10.0.0.1@65536"};
  bad[4].upstreams = {"10.0.0.1]"};
  bad[5].zone = "cluster.local\nx";
  bad[6].zone = "";
  bad[7].folder = "/a\"b";
  bad[8].control_socket = "knot.sock";
  for (const auto& config : bad) {
    const auto text = knot_config_text(config);
    ASSERT_FALSE(text) << *text;
    EXPECT_EQ(text.error().code, Code::invalid);
  }
}

TEST(UpstreamResolvers, AreTheFirstIpv4NameServersThatAreNotUs) {
  EXPECT_THAT(upstream_resolvers("# nameserver 192.0.2.1\n"
                                 "search example.com\n"
                                 "nameserver 10.101.0.1\n"
                                 "nameserver fe80::1%eth0\n"
                                 "nameserver\n"
                                 "nameserver 127.0.0.53 # stub\n"
                                 "\tnameserver\t192.0.2.2\r\n"
                                 "nameserver 127.0.0.53\n"
                                 "nameserver 192.0.2.3\n"
                                 "nameserver 192.0.2.4\n",
                                 {"10.101.0.1@53"}),
              ElementsAre("127.0.0.53", "192.0.2.2", "192.0.2.3"));
  EXPECT_THAT(upstream_resolvers("", {}), IsEmpty());
  EXPECT_THAT(upstream_resolvers("nameserver 192.0.2.1", {}), ElementsAre("192.0.2.1"));
}

}  // namespace
}  // namespace ployz

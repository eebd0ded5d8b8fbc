#include "drivers/nats/jetstream.h"

#include <gtest/gtest.h>

namespace ployz::jetstream {
namespace {

TEST(JetStream, ReadsDeliveriesOfBothForms) {
  const auto plain = parse_delivery("$JS.ACK.COMMITS.c1.1.42.7.1700000000000000000.3");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->stream_sequence, 42u);
  EXPECT_EQ(plain->consumer_sequence, 7u);
  EXPECT_EQ(plain->pending, 3u);
  const auto domain =
      parse_delivery("$JS.ACK.ployz.HASH.COMMITS.c1.1.42.7.1700000000000000000.3.token");
  ASSERT_TRUE(domain);
  EXPECT_EQ(domain->stream_sequence, 42u);
  EXPECT_EQ(domain->pending, 3u);
  for (const std::string_view text :
       {"", "$JS.ACK", "$JS.ACK.a.b.1.x.7.1.3", "$JS.ACK.a.b.c.d.e.f.1.2.3", "a.b.c.d.e.f.g.h.i",
        "$JS.ACK.a.b.1.2.3.4."}) {
    EXPECT_FALSE(parse_delivery(text)) << text;
  }
}

TEST(JetStream, ReadsHeaders) {
  const auto headers = parse_headers("NATS/1.0\r\nA: 1\r\nB:two words\r\nbroken\r\nC: \r\n\r\n");
  ASSERT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers[0], (std::pair<std::string, std::string>{"A", "1"}));
  EXPECT_EQ(headers[1].second, "two words");
  EXPECT_EQ(headers[2].second, "");
  EXPECT_TRUE(parse_headers("").empty());
  EXPECT_TRUE(parse_headers("garbage").empty());
}

}  // namespace
}  // namespace ployz::jetstream

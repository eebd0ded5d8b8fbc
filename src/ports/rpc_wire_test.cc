#include "ports/rpc_wire.h"

#include <gtest/gtest.h>

namespace ployz::rpc_wire {
namespace {

// Golden: machines of one cluster may be of different versions of Ployz.
TEST(RpcWire, Goldens) {
  EXPECT_EQ(encode_request({{"a", 1}}), R"({"body":{"a":1},"version":1})");
  EXPECT_EQ(encode_reply(Json{{"a", 1}}), R"({"ok":{"a":1},"version":1})");
  EXPECT_EQ(encode_reply(fail(Error{
                Code::precondition, Effect::none, "no image", "push it", {{"image", "web:1"}}})),
            R"({"error":{"code":"precondition","details":{"image":"web:1"},"effect":"none",)"
            R"("hint":"push it","message":"no image"},"version":1})");
  EXPECT_EQ(*subject({MachineId("m1"), Target::router, "flip"}), "ployz.rpc.m1.router.flip");
}

TEST(RpcWire, RoundTrips) {
  const Json body{{"text", "ü"}, {"null", nullptr}};
  EXPECT_EQ(*decode_request(encode_request(body)), body);
  EXPECT_EQ(*decode_request(encode_request(nullptr)), Json());
  EXPECT_EQ(*decode_reply(encode_reply(body)), body);
  const Error error{Code::timeout, Effect::unknown, "m", "h", {{"k", "v"}}};
  EXPECT_EQ(decode_reply(encode_reply(fail(error))).error(), error);
}

// What a machine of a later version sends is refused with a word that tells what to do.
TEST(RpcWire, ALaterProtocolIsNoGarbage) {
  const auto request = decode_request(R"({"version":2,"body":{}})");
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, Code::unsupported);
  EXPECT_EQ(request.error().message,
            "a request of protocol version 2; this machine understands 1");
  EXPECT_TRUE(request.error().hint.contains("machine update")) << request.error().hint;
  const auto reply = decode_reply(R"({"version":2,"ok":1})");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::unsupported);
  EXPECT_EQ(reply.error().effect, Effect::unknown);
}

TEST(RpcWire, RefusesGarbage) {
  EXPECT_EQ(decode_request("nonsense").error().code, Code::invalid);
  EXPECT_EQ(decode_request("[]").error().code, Code::invalid);
  EXPECT_EQ(decode_request(R"({"version":1})").error().code, Code::invalid);
  for (const std::string_view bytes :
       {"", "[]", "{}", R"({"version":1})", R"({"version":0,"ok":1})", R"({"version":"1","ok":1})",
        R"({"version":1,"error":{}})", R"({"version":1,"error":3})"}) {
    const auto reply = decode_reply(bytes);
    ASSERT_FALSE(reply) << bytes;
    EXPECT_EQ(reply.error().code, Code::corrupt) << bytes;
    EXPECT_EQ(reply.error().effect, Effect::unknown) << bytes;
  }
  for (const std::string_view token : {"", "a.b", "*", ">", "a b"}) {
    EXPECT_FALSE(subject({MachineId(std::string(token)), Target::agent, "step"})) << token;
    EXPECT_FALSE(subject({MachineId("m1"), Target::agent, std::string(token)})) << token;
  }
}

}  // namespace
}  // namespace ployz::rpc_wire

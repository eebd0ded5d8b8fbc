#include "drivers/peer/peer_wire.h"

#include <gtest/gtest.h>

#include "base/digest.h"

namespace ployz::peer_wire {
namespace {

Nkey key_of(uint8_t byte) {
  std::array<uint8_t, 32> random{};
  random.fill(byte);
  return Nkey::from_random(random);
}

Envelope envelope() {
  return {"lab",
          MachineId("m1"),
          {MachineId("m2"), Target::agent, "peer_hello"},
          std::string(64, 'a'),
          std::string(64, 'b'),
          2,
          sha256_digest("{}")};
}

std::string payload(const std::string& frame) {
  return frame.substr(kLengthBytes);
}

// What other versions of this program send and expect. Signatures of ed25519 are deterministic.
constexpr std::string_view kHello = R"({"nonce":"NONCE","version":1})";
constexpr std::string_view kEnvelope =
    R"({"command":"peer_hello",)"
    R"("digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",)"
    R"("from":"m1","network":"lab","nonce":"OTHER","server_nonce":"NONCE",)"
    R"("signature":"96ed0106007af868ba049410e759e24b24195fb0cac655a0a237b3e8a895cc50)"
    R"(b7eec92f66786eef34dfe470f4cb32158c52d02caa880539437d8144bf766004",)"
    R"("size":2,"target":"agent","to":"m2","version":1})";
constexpr std::string_view kReply =
    R"({"digest":"sha256:74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",)"
    R"("signature":"58907887461ab281191d223142955436083717e6065a4e0b8c0f45f4587d8cc6)"
    R"(05bfde6b84110fb125e84f79827467fdf8a321bf0927affcd08b7f3df44ace0f",)"
    R"("size":4,"version":1}null)";

std::string golden(std::string_view text) {
  std::string filled(text);
  for (const auto& [word, nonce] : {std::pair{"NONCE", 'a'}, {"OTHER", 'b'}}) {
    const size_t at = filled.find(word);
    if (at != std::string::npos) filled.replace(at, 5, std::string(64, nonce));
  }
  return filled;
}

TEST(PeerWire, TheFormIsAsItWas) {
  EXPECT_EQ(payload(encode_hello(std::string(64, 'a'))), golden(kHello));
  EXPECT_EQ(payload(encode_envelope(envelope(), key_of(1))), golden(kEnvelope));
  EXPECT_EQ(payload(encode_reply(envelope(), "null", key_of(2))), golden(kReply));
  EXPECT_TRUE(is_signed_by(decode_envelope(golden(kEnvelope)).value(), key_of(1).public_key()));
}

TEST(PeerWire, WhatIsWrittenCanBeReadAndProved) {
  const std::string frame = encode_envelope(envelope(), key_of(1));
  EXPECT_EQ(frame_length(frame), payload(frame).size());
  const auto sealed = decode_envelope(payload(frame));
  ASSERT_TRUE(sealed) << sealed.error().line();
  EXPECT_EQ(sealed->envelope, envelope());
  EXPECT_TRUE(is_signed_by(*sealed, key_of(1).public_key()));
  EXPECT_FALSE(is_signed_by(*sealed, key_of(2).public_key()));
  EXPECT_FALSE(is_signed_by(*sealed, ""));
  EXPECT_EQ(decode_hello(payload(encode_hello(std::string(64, 'c')))), std::string(64, 'c'));
}

TEST(PeerWire, EveryFieldOfAnEnvelopeIsSigned) {
  const auto sealed = decode_envelope(payload(encode_envelope(envelope(), key_of(1))));
  ASSERT_TRUE(sealed);
  const std::vector<std::function<void(Envelope&)>> changes{
      [](Envelope& e) { e.network = "other"; },
      [](Envelope& e) { e.from = MachineId("m3"); },
      [](Envelope& e) { e.to.machine = MachineId("m3"); },
      [](Envelope& e) { e.to.target = Target::router; },
      [](Envelope& e) { e.to.command = "other"; },
      [](Envelope& e) { e.server_nonce[0] = 'f'; },
      [](Envelope& e) { e.nonce[0] = 'f'; },
      [](Envelope& e) { e.size = 3; },
      [](Envelope& e) { e.digest = sha256_digest("[]"); }};
  for (const auto& change : changes) {
    SignedEnvelope changed = *sealed;
    change(changed.envelope);
    EXPECT_FALSE(is_signed_by(changed, key_of(1).public_key()));
  }
}

TEST(PeerWire, AReplyAnswersOneEnvelope) {
  const std::string bytes = encode_reply(envelope(), "null", key_of(2));
  const size_t length = frame_length(bytes).value();
  const auto head = decode_reply_head(payload(bytes).substr(0, length));
  ASSERT_TRUE(head) << head.error().line();
  EXPECT_TRUE(is_signed_by(*head, envelope(), key_of(2).public_key()));
  EXPECT_FALSE(is_signed_by(*head, envelope(), key_of(1).public_key()));
  Envelope another = envelope();
  another.nonce[0] = 'f';
  EXPECT_FALSE(is_signed_by(*head, another, key_of(2).public_key()));
  ReplyHead changed = *head;
  changed.digest = sha256_digest("true");
  EXPECT_FALSE(is_signed_by(changed, envelope(), key_of(2).public_key()));
}

TEST(PeerWire, GarbageIsRefused) {
  const std::string good = payload(encode_envelope(envelope(), key_of(1)));
  for (const auto& [part, instead] :
       std::vector<std::pair<std::string, std::string>>{{"\"m1\"", "\"m 1\""},
                                                        {"\"lab\"", "\"LAB\\n\""},
                                                        {"\"agent\"", "\"nobody\""},
                                                        {"sha256:", "sha1:"},
                                                        {"\"size\":2", "\"size\":-1"},
                                                        {"aaaa", "aaag"},
                                                        {"bbbb", ""},
                                                        {"\"peer_hello\"", "\"a.b\""},
                                                        {"\"m2\"", "\"*\""},
                                                        {"\"m2\"", "2"},
                                                        {"\"signature\"", "\"sig\""}}) {
    std::string text = good;
    const size_t at = text.find(part);
    ASSERT_NE(at, std::string::npos) << part;
    const auto sealed = decode_envelope(text.replace(at, part.size(), instead));
    ASSERT_FALSE(sealed) << part;
    EXPECT_EQ(sealed.error().code, Code::corrupt) << part;
  }
  std::string newer = good;
  newer.replace(newer.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_EQ(decode_envelope(newer).error().code, Code::unsupported);
  EXPECT_EQ(decode_hello(R"({"version":2})").error().code, Code::unsupported);
  for (const std::string& text : {std::string(), std::string("null"), std::string("{}"),
                                  std::string("\xff"), std::string(R"({"version":1})")}) {
    EXPECT_EQ(decode_hello(text).error().code, Code::corrupt);
    EXPECT_EQ(decode_envelope(text).error().code, Code::corrupt);
    EXPECT_EQ(decode_reply_head(text).error().code, Code::corrupt);
  }
  EXPECT_FALSE(frame_length(std::string(4, '\0')));
  EXPECT_FALSE(frame_length(std::string("\0\0\x10\x01", 4)));
  EXPECT_EQ(frame_length(std::string("\0\0\x10\0", 4)), kMaxPeerHead);
}

}  // namespace
}  // namespace ployz::peer_wire

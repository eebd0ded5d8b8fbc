#include "drivers/peer/peer_wire.h"

#include <algorithm>
#include <array>
#include <format>

#include <sodium.h>

#include "base/check.h"
#include "base/digest.h"
#include "base/json.h"
#include "ports/rpc_wire.h"

namespace ployz::peer_wire {
namespace {

constexpr size_t kNonceBytes = 32;

std::string to_hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes) text += std::format("{:02x}", byte);
  return text;
}

bool is_hex(std::string_view text, size_t bytes) {
  return text.size() == 2 * bytes && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  }
  return bytes;
}

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Code::corrupt, std::format("what came is no {}", what));
}

std::string framed(const Json& json) {
  const std::string text = to_text(json);
  check(text.size() <= kMaxPeerHead, "a head is small");
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(text.size() >> shift);
  return frame + text;
}

// The object of one of our kinds and of our version.
Result<Json> decode(std::string_view text, std::string_view what) {
  auto json = parse_json(text);
  if (!json || !json->is_object()) return corrupt(what);
  const auto version = get_uint(*json, "version");
  if (!version) return corrupt(what);
  if (*version == kVersion) return std::move(*json);
  return fail(
      Code::unsupported,
      std::format("version {} of the peer port; this machine speaks {}", *version, kVersion),
      "update the older of the two machines");
}

Json to_json(const Envelope& envelope) {
  return {{"version", kVersion},
          {"network", envelope.network},
          {"from", envelope.from.str()},
          {"to", envelope.to.machine.str()},
          {"target", to_string(envelope.to.target)},
          {"command", envelope.to.command},
          {"server_nonce", envelope.server_nonce},
          {"nonce", envelope.nonce},
          {"size", envelope.size},
          {"digest", envelope.digest}};
}

// JSON with sorted keys, so there is one text of one value.
std::string signed_text(const Envelope& envelope) {
  return "ployz peer request 1\n" + to_text(to_json(envelope));
}

std::string signed_text(const ReplyHead& head, const Envelope& asked) {
  return "ployz peer reply 1\n" +
         to_text({{"asked", to_json(asked)}, {"size", head.size}, {"digest", head.digest}});
}

Result<Envelope> envelope_from_json(const Json& json) {
  Envelope envelope;
  envelope.network = TRY(get_string(json, "network"));
  envelope.from = MachineId(TRY(get_string(json, "from")));
  const std::string target = TRY(get_string(json, "target"));
  envelope.to = {MachineId(TRY(get_string(json, "to"))),
                 target == to_string(Target::router) ? Target::router : Target::agent,
                 TRY(get_string(json, "command"))};
  envelope.server_nonce = TRY(get_string(json, "server_nonce"));
  envelope.nonce = TRY(get_string(json, "nonce"));
  envelope.size = TRY(get_uint(json, "size"));
  envelope.digest = TRY(get_string(json, "digest"));
  TRY(rpc_wire::subject(envelope.to));
  TRY(rpc_wire::subject({envelope.from, envelope.to.target, envelope.to.command}));
  TRY(check_dns_label(envelope.network, "network name"));
  if (target != to_string(envelope.to.target) || !is_hex(envelope.server_nonce, kNonceBytes) ||
      !is_hex(envelope.nonce, kNonceBytes) || !is_sha256_digest(envelope.digest)) {
    return corrupt("envelope");
  }
  return envelope;
}

}  // namespace

std::string random_nonce() {
  check(sodium_init() >= 0, "libsodium initialises");
  std::array<uint8_t, kNonceBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return to_hex(bytes);
}

std::string encode_hello(std::string_view nonce) {
  return framed({{"version", kVersion}, {"nonce", nonce}});
}

Result<std::string> decode_hello(std::string_view text) {
  const Json json = TRY(decode(text, "hello"));
  auto nonce = get_string(json, "nonce");
  if (!nonce || !is_hex(*nonce, kNonceBytes)) return corrupt("hello");
  return std::move(*nonce);
}

std::string encode_envelope(const Envelope& envelope, const Nkey& key) {
  Json json = to_json(envelope);
  json["signature"] = to_hex(key.sign(signed_text(envelope)));
  return framed(json);
}

Result<SignedEnvelope> decode_envelope(std::string_view text) {
  const Json json = TRY(decode(text, "envelope"));
  auto envelope = envelope_from_json(json);
  auto signature = get_string(json, "signature");
  if (!envelope || !signature || !is_hex(*signature, crypto_sign_BYTES)) {
    return corrupt("envelope");
  }
  return SignedEnvelope{std::move(*envelope), std::move(*signature)};
}

bool is_signed_by(const SignedEnvelope& sealed, std::string_view public_key) {
  return ployz::is_signed_by(public_key, signed_text(sealed.envelope), from_hex(sealed.signature));
}

std::string encode_reply(const Envelope& asked, std::string_view body, const Nkey& key) {
  ReplyHead head{body.size(), sha256_digest(body), {}};
  head.signature = to_hex(key.sign(signed_text(head, asked)));
  std::string bytes = framed({{"version", kVersion},
                              {"size", head.size},
                              {"digest", head.digest},
                              {"signature", head.signature}});
  return bytes.append(body);
}

Result<ReplyHead> decode_reply_head(std::string_view text) {
  const Json json = TRY(decode(text, "reply"));
  const auto size = get_uint(json, "size");
  auto digest = get_string(json, "digest");
  auto signature = get_string(json, "signature");
  if (!size || *size > kMaxPeerReply || !digest || !is_sha256_digest(*digest) || !signature ||
      !is_hex(*signature, crypto_sign_BYTES)) {
    return corrupt("reply");
  }
  return ReplyHead{*size, std::move(*digest), std::move(*signature)};
}

bool is_signed_by(const ReplyHead& head, const Envelope& asked, std::string_view public_key) {
  return ployz::is_signed_by(public_key, signed_text(head, asked), from_hex(head.signature));
}

Result<size_t> frame_length(std::string_view bytes) {
  size_t length = 0;
  for (const char byte : bytes.substr(0, kLengthBytes)) {
    length = length << 8 | static_cast<unsigned char>(byte);
  }
  if (length == 0 || length > kMaxPeerHead) return corrupt("frame");
  return length;
}

}  // namespace ployz::peer_wire

// The wire form of the peer port, version 1. A connection carries one request and one reply:
//
//   served side   hello      {"version":1,"nonce":…}
//   dialing side  envelope   {"version":1,"network","from","to","target","command","server_nonce",
//                             "nonce","size","digest","signature"} and then the request's body
//   served side   reply head {"version":1,"size","digest","signature"} and then the reply's body
//
// Hello, envelope and head are each a frame: 4 bytes of length, big-endian, and JSON of at most
// kMaxPeerHead bytes. Bodies are `size` bytes with the digest (base/digest.h), of the form of
// ports/rpc_wire.h. Nonces are 32 random bytes and signatures those of ed25519, both in hex digits.
//
// What is signed begins with a text of its own, so that no signature of one kind, nor one that NATS
// asks for with the same key, passes for another. The envelope's is over all of its fields, the
// server's nonce among them, so that it is good on one connection; the reply's over the whole
// envelope and the reply's digest, so that it answers one request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/nkey.h"
#include "base/result.h"
#include "ports/machine_rpc.h"

namespace ployz::peer_wire {

inline constexpr uint64_t kVersion = 1;
inline constexpr size_t kLengthBytes = 4;
// About 700 bytes are used. Nobody makes a machine keep more before he has proved who he is.
inline constexpr size_t kMaxPeerHead = 4 << 10;
inline constexpr size_t kMaxPeerRequest = 1 << 20;
inline constexpr size_t kMaxPeerReply = 8 << 20;

[[nodiscard]] std::string random_nonce();

// The frame of a hello.
[[nodiscard]] std::string encode_hello(std::string_view nonce);
// The nonce. `unsupported`: of another version; `corrupt`: no hello.
[[nodiscard]] Result<std::string> decode_hello(std::string_view json);

struct Envelope {
  std::string network;
  MachineId from;
  RpcAddress to;
  std::string server_nonce;
  std::string nonce;
  uint64_t size = 0;
  std::string digest;
  bool operator==(const Envelope&) const = default;
};
struct SignedEnvelope {
  Envelope envelope;
  std::string signature;
};
[[nodiscard]] std::string encode_envelope(const Envelope& envelope, const Nkey& key);
// `unsupported`: of another version; `corrupt`: no envelope. Says nothing about its signature.
[[nodiscard]] Result<SignedEnvelope> decode_envelope(std::string_view json);
[[nodiscard]] bool is_signed_by(const SignedEnvelope& sealed, std::string_view public_key);

struct ReplyHead {
  uint64_t size = 0;
  std::string digest;
  std::string signature;
};
// Head and body.
[[nodiscard]] std::string encode_reply(const Envelope& asked, std::string_view body,
                                       const Nkey& key);
// `corrupt`: no head, or its body would be too large.
[[nodiscard]] Result<ReplyHead> decode_reply_head(std::string_view json);
[[nodiscard]] bool is_signed_by(const ReplyHead& head, const Envelope& asked,
                                std::string_view public_key);

// From a frame's first kLengthBytes bytes. `corrupt`: empty or above kMaxPeerHead.
[[nodiscard]] Result<size_t> frame_length(std::string_view bytes);

}  // namespace ployz::peer_wire

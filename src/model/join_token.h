// What an operator carries to a new machine: `ployz1_` and base64url of a JSON document and the
// first 16 hex digits of its SHA-256, which tell what was cut off or mistyped from what is wrong.
// It is a secret: whoever has it first becomes a machine of the network.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/invite.h"

namespace ployz {

inline constexpr std::string_view kTokenPrefix = "ployz1_";
// Three machines with four endpoints each need about 2 KiB.
inline constexpr size_t kMaxTokenBytes = 16 << 10;
inline constexpr size_t kMaxTokenMachines = 3;
inline constexpr size_t kMaxTokenEndpoints = 4;

// Somebody to ask: one of the network's machines when the token was made.
struct TokenMachine {
  MachineId id;
  std::string overlay_address;
  std::string wireguard_public_key;
  std::string nats_public_key;
  std::vector<std::string> endpoints;  // best first, at least one
  bool operator==(const TokenMachine&) const = default;
};

struct JoinToken {
  std::string network;
  std::string cluster_cidr;
  InviteId invite;
  std::string name;  // as the invite's
  uint16_t guest = 0;
  uint64_t expires_at_ms = 0;
  std::string wireguard_private_key;
  std::string nats_seed;
  std::vector<TokenMachine> machines;  // 1 to kMaxTokenMachines
  bool operator==(const JoinToken&) const = default;
};

[[nodiscard]] std::string encode_join_token(const JoinToken& token);
// White space around it is ignored. `invalid`: it is no token, or not all of one; the message never
// shows any of it. `unsupported`: one of a newer Ployz.
[[nodiscard]] Result<JoinToken> decode_join_token(std::string_view text);

}  // namespace ployz

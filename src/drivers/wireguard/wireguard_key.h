// WireGuard's keys: x25519, 32 bytes, written in base64 (wg(8), "genkey" and "pubkey").
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

// A private key of the operating system's generator, clamped as wg(8) does it. Secret.
[[nodiscard]] std::string generate_wireguard_key();
// The public half. `invalid` unless `private_key` is 32 bytes in base64; the message never shows it.
[[nodiscard]] Result<std::string> wireguard_public_key(std::string_view private_key);
// Whether `text` is 32 bytes in canonical base64: what wg(8) takes for a key.
[[nodiscard]] bool is_wireguard_key(std::string_view text);

}  // namespace ployz

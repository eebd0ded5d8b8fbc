// NATS user keys ("nkeys", github.com/nats-io/nkeys): an ed25519 pair whose public half ("U…") is
// written into the server's configuration and whose seed ("SU…") never leaves its machine. Machines
// also prove themselves to each other by them, where no server is between (drivers/peer).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

class Nkey {
 public:
  // A user key made of these 32 random bytes.
  [[nodiscard]] static Nkey from_random(const std::array<uint8_t, 32>& random);
  // From 32 bytes of the operating system's generator.
  [[nodiscard]] static Nkey generate();
  // `invalid` for anything but a user seed; the message never shows the seed.
  [[nodiscard]] static Result<Nkey> from_seed(std::string_view seed);

  ~Nkey();
  Nkey(const Nkey&) = default;
  Nkey& operator=(const Nkey&) = default;

  [[nodiscard]] std::string seed() const;        // "SU…", 58 characters, secret
  [[nodiscard]] std::string public_key() const;  // "U…", 56 characters
  [[nodiscard]] std::array<uint8_t, 64> sign(std::string_view bytes) const;

 private:
  Nkey() = default;
  std::array<uint8_t, 64> secret_{};  // libsodium's form: seed, then public key
};

// Whether `text` is a well-formed public user key, checksum included.
[[nodiscard]] bool is_user_public_key(std::string_view text);

// Whether the holder of this public key signed `bytes`. False for whatever is malformed.
[[nodiscard]] bool is_signed_by(std::string_view public_key, std::string_view bytes,
                                std::string_view signature);

}  // namespace ployz

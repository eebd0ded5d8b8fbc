#include "drivers/wireguard/wireguard_key.h"

#include <array>
#include <optional>

#include <sodium.h>

#include "base/check.h"

namespace ployz {
namespace {

using Key = std::array<unsigned char, crypto_scalarmult_BYTES>;
constexpr size_t kTextSize = 44;  // of 32 bytes in base64

std::string encode(const Key& key) {
  std::array<char, kTextSize + 1> text{};
  sodium_bin2base64(text.data(), text.size(), key.data(), key.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  return text.data();
}

std::optional<Key> decode(std::string_view text) {
  Key key{};
  size_t size = 0;
  const char* end = nullptr;
  if (text.size() != kTextSize ||
      sodium_base642bin(key.data(), key.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      size != key.size() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return key;
}

}  // namespace

std::string generate_wireguard_key() {
  check(sodium_init() >= 0, "libsodium initialises");
  Key key{};
  randombytes_buf(key.data(), key.size());
  key.front() &= 0xf8;  // RFC 7748, section 5: decodeScalar25519
  key.back() = (key.back() & 0x7f) | 0x40;
  std::string text = encode(key);
  sodium_memzero(key.data(), key.size());
  return text;
}

Result<std::string> wireguard_public_key(std::string_view private_key) {
  check(sodium_init() >= 0, "libsodium initialises");
  auto key = decode(private_key);
  if (!key) return fail(Code::invalid, "the WireGuard private key is not 32 bytes in base64");
  Key result{};
  const int made = crypto_scalarmult_base(result.data(), key->data());
  sodium_memzero(key->data(), key->size());
  check(made == 0, "x25519 of the base point");
  return encode(result);
}

bool is_wireguard_key(std::string_view text) { return decode(text).has_value(); }

}  // namespace ployz

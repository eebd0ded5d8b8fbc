#include "base/nkey.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <sodium.h>

#include "base/check.h"

namespace ployz {
namespace {

// Prefix bytes of github.com/nats-io/nkeys/blob/main/strkey.go.
constexpr uint8_t kSeedPrefix = 18 << 3;
constexpr uint8_t kUserPrefix = 20 << 3;
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";  // RFC 4648, no padding
constexpr size_t kSeedBytes = 2 + 32 + 2;
constexpr size_t kPublicBytes = 1 + 32 + 2;

// CRC-16/XMODEM: polynomial 0x1021, initial value 0.
uint16_t crc16(std::span<const uint8_t> bytes) {
  uint16_t crc = 0;
  for (const uint8_t byte : bytes) {
    crc = static_cast<uint16_t>(crc ^ (byte << 8));
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc;
}

std::string encode(std::vector<uint8_t> bytes) {
  const uint16_t crc = crc16(bytes);
  bytes.push_back(static_cast<uint8_t>(crc & 0xff));
  bytes.push_back(static_cast<uint8_t>(crc >> 8));
  std::string text;
  uint32_t buffer = 0;
  int bits = 0;
  for (const uint8_t byte : bytes) {
    buffer = (buffer << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += kAlphabet[(buffer >> (bits - 5)) & 31];
  }
  if (bits > 0) text += kAlphabet[(buffer << (5 - bits)) & 31];
  sodium_memzero(bytes.data(), bytes.size());
  return text;
}

// The bytes without their checksum; nullopt when malformed.
std::optional<std::vector<uint8_t>> decode(std::string_view text) {
  std::vector<uint8_t> bytes;
  uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    buffer = (buffer << 5) | static_cast<uint32_t>(value);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<uint8_t>((buffer >> bits) & 0xff));
    }
  }
  if (bytes.size() < 3) return std::nullopt;
  const auto crc = static_cast<uint16_t>(bytes[bytes.size() - 2] | (bytes.back() << 8));
  bytes.resize(bytes.size() - 2);
  if (crc16(bytes) != crc) return std::nullopt;
  return bytes;
}

}  // namespace

Nkey Nkey::from_random(const std::array<uint8_t, 32>& random) {
  check(sodium_init() >= 0, "libsodium initialises");
  Nkey key;
  std::array<uint8_t, crypto_sign_PUBLICKEYBYTES> ignored{};
  crypto_sign_seed_keypair(ignored.data(), key.secret_.data(), random.data());
  return key;
}

Nkey Nkey::generate() {
  check(sodium_init() >= 0, "libsodium initialises");
  std::array<uint8_t, 32> random{};
  randombytes_buf(random.data(), random.size());
  Nkey key = from_random(random);
  sodium_memzero(random.data(), random.size());
  return key;
}

Result<Nkey> Nkey::from_seed(std::string_view seed) {
  auto bytes = decode(seed);
  // The public prefix is spread over the low 3 bits of the first and the high 5 of the second byte.
  if (!bytes || bytes->size() != kSeedBytes - 2 || ((*bytes)[0] & 0xf8) != kSeedPrefix ||
      (((*bytes)[0] & 7) << 5 | (*bytes)[1] >> 3) != kUserPrefix) {
    return fail(Code::invalid, "not the seed of a NATS user key",
                "expected 58 characters beginning with SU");
  }
  std::array<uint8_t, 32> random{};
  std::copy_n(bytes->begin() + 2, random.size(), random.begin());
  sodium_memzero(bytes->data(), bytes->size());
  Nkey key = from_random(random);
  sodium_memzero(random.data(), random.size());
  return key;
}

Nkey::~Nkey() {
  sodium_memzero(secret_.data(), secret_.size());
}

std::string Nkey::seed() const {
  std::vector<uint8_t> bytes{kSeedPrefix | (kUserPrefix >> 5),
                             static_cast<uint8_t>((kUserPrefix & 31) << 3)};
  bytes.reserve(kSeedBytes);
  bytes.insert(bytes.end(), secret_.begin(), secret_.begin() + 32);
  return encode(std::move(bytes));
}

std::string Nkey::public_key() const {
  std::vector<uint8_t> bytes{kUserPrefix};
  bytes.reserve(kPublicBytes);
  bytes.insert(bytes.end(), secret_.begin() + 32, secret_.end());
  return encode(std::move(bytes));
}

std::array<uint8_t, 64> Nkey::sign(std::string_view bytes) const {
  std::array<uint8_t, 64> signature{};
  crypto_sign_detached(signature.data(), nullptr, reinterpret_cast<const uint8_t*>(bytes.data()),
                       bytes.size(), secret_.data());
  return signature;
}

bool is_user_public_key(std::string_view text) {
  const auto bytes = decode(text);
  return bytes && bytes->size() == kPublicBytes - 2 && (*bytes)[0] == kUserPrefix;
}

bool is_signed_by(std::string_view public_key, std::string_view bytes, std::string_view signature) {
  if (public_key.size() > 64 || signature.size() != crypto_sign_BYTES) return false;
  const auto key = decode(public_key);
  if (!key || key->size() != kPublicBytes - 2 || (*key)[0] != kUserPrefix) return false;
  check(sodium_init() >= 0, "libsodium initialises");
  return crypto_sign_verify_detached(reinterpret_cast<const uint8_t*>(signature.data()),
                                     reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
                                     key->data() + 1) == 0;
}

}  // namespace ployz

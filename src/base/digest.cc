#include "base/digest.h"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace ployz {
namespace {
constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kShortLength = 12;  // as docker ps

std::string render(const std::array<unsigned char, crypto_hash_sha256_BYTES>& hash) {
  std::array<char, crypto_hash_sha256_BYTES * 2 + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return std::string(kPrefix) + hex.data();
}
}  // namespace

struct Sha256::State {
  crypto_hash_sha256_state sodium;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { crypto_hash_sha256_init(&state_->sodium); }
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  crypto_hash_sha256_update(&state_->sodium, reinterpret_cast<const unsigned char*>(bytes.data()),
                            bytes.size());
}

std::string Sha256::digest() {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256_final(&state_->sodium, hash.data());
  return render(hash);
}

std::string sha256_digest(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.digest();
}

bool is_sha256_digest(std::string_view text) {
  if (!text.starts_with(kPrefix)) return false;
  text.remove_prefix(kPrefix.size());
  return text.size() == crypto_hash_sha256_BYTES * 2 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string short_digest(std::string_view digest) {
  if (digest.starts_with(kPrefix)) digest.remove_prefix(kPrefix.size());
  return std::string(digest.substr(0, kShortLength));
}

}  // namespace ployz

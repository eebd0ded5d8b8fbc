#include "ports/stream_offers.h"

#include <sodium.h>

#include <array>

#include "base/digest.h"

namespace ployz {
namespace {

std::string random_key() {
  std::array<unsigned char, kStreamKeyLength / 2> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, kStreamKeyLength + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
  return hex.data();
}

bool same(std::string_view one, std::string_view other) {
  return one.size() == other.size() && sodium_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace

std::string purpose_digest(const StreamPurpose& purpose) {
  return sha256_digest(purpose.kind + '\0' + purpose.operation).substr(7);
}

Result<std::string> StreamOffers::add(const StreamPurpose& purpose, StreamHandler handler,
                                      uint64_t now_ms) {
  forget_expired(now_ms);
  const std::lock_guard lock(mutex_);
  if (offers_.size() >= kMaxStreamOffers) {
    return fail(Code::unavailable, "this machine offers too many streams at once", "try again");
  }
  offers_.push_back(
      {random_key(), purpose_digest(purpose), std::move(handler), now_ms + lifetime_ms_});
  return offers_.back().key;
}

std::list<StreamOffers::Offer> StreamOffers::unlink(std::string_view key) {
  std::list<Offer> found;
  const std::lock_guard lock(mutex_);
  auto match = offers_.end();
  for (auto it = offers_.begin(); it != offers_.end(); ++it) {  // all of them, whatever matches
    if (same(it->key, key)) match = it;
  }
  if (match != offers_.end()) found.splice(found.end(), offers_, match);
  return found;
}

std::optional<StreamHandler> StreamOffers::take(std::string_view key, std::string_view digest,
                                                uint64_t now_ms) {
  std::list<Offer> found = unlink(key);
  if (found.empty()) return std::nullopt;
  Offer& offer = found.front();
  if (offer.until_ms <= now_ms || !same(offer.digest, digest)) return std::nullopt;
  return std::move(offer.handler);
}

void StreamOffers::withdraw(std::string_view key) { (void)unlink(key); }

void StreamOffers::forget_expired(uint64_t now_ms) {
  std::list<Offer> expired;
  const std::lock_guard lock(mutex_);
  for (auto it = offers_.begin(); it != offers_.end();) {
    const auto next = std::next(it);
    if (it->until_ms <= now_ms) expired.splice(expired.end(), offers_, it);
    it = next;
  }
}

}  // namespace ployz

// The book of one-time keys behind Transfers::offer, shared by driver and fake.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <string>

#include "ports/transfer.h"

namespace ployz {

inline constexpr size_t kStreamKeyLength = 64;  // hex digits of 32 random bytes
inline constexpr size_t kMaxStreamOffers = 1024;

// What the dialing side presents beside the key: 64 hex digits, never the purpose itself.
[[nodiscard]] std::string purpose_digest(const StreamPurpose& purpose);

// Thread-safe; nothing blocks. Times are of a clock that never jumps.
class StreamOffers {
 public:
  explicit StreamOffers(std::chrono::milliseconds lifetime = kStreamKeyLifetime)
      : lifetime_ms_(static_cast<uint64_t>(lifetime.count())) {}

  // `unavailable`: kMaxStreamOffers are open.
  [[nodiscard]] Result<std::string> add(const StreamPurpose& purpose, StreamHandler handler,
                                        uint64_t now_ms);
  // Nullopt: no such key, or it has expired, or it is for another purpose. Whatever the answer,
  // the key is used up. Takes the same time for every wrong key.
  [[nodiscard]] std::optional<StreamHandler> take(std::string_view key, std::string_view digest,
                                                  uint64_t now_ms);
  void withdraw(std::string_view key);
  // Frees the handlers of keys that have expired.
  void forget_expired(uint64_t now_ms);

 private:
  struct Offer {
    std::string key;
    std::string digest;
    StreamHandler handler;
    uint64_t until_ms = 0;
  };
  // Unlinked under the lock, destroyed by the caller outside of it.
  std::list<Offer> unlink(std::string_view key);

  const uint64_t lifetime_ms_;
  std::mutex mutex_;
  std::list<Offer> offers_;
};

}  // namespace ployz

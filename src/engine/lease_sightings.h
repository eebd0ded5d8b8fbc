// Since when this process has seen each lease as it is now, by its own steady clock. Whoever works
// renews its lease well within the lease's life, so one that stood still for longer is nobody's,
// even if its expiry was written by a clock that is minutes ahead of ours.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace ployz {

class LeaseSightings {
 public:
  // True when this revision was seen first at least `ttl_ms` ago. Remembers one per namespace.
  [[nodiscard]] bool stood_still(const std::string& key, uint64_t revision, uint64_t now_ms,
                                 uint64_t ttl_ms) {
    const std::lock_guard lock(mutex_);
    Sighting& seen = seen_[key];
    if (seen.revision != revision) seen = {revision, now_ms};
    return now_ms - seen.since_ms >= ttl_ms;
  }

 private:
  struct Sighting {
    uint64_t revision = 0;
    uint64_t since_ms = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Sighting> seen_;
};

}  // namespace ployz

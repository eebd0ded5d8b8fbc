// A router's cache file in memory; survives the router.
#pragma once

#include <mutex>

#include "ports/projection_cache.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeProjectionCache final : public ProjectionCache {
 public:
  explicit FakeProjectionCache(Hook& hook) : hook_(hook) {}
  Result<std::map<NamespaceName, CommitEntry>> load() override {
    if (hook_.enter("cache.load", "", Kind::local) != Fate::normal) return failed();
    const std::lock_guard lock(mutex_);
    return newest_;
  }
  Status save(const std::map<NamespaceName, CommitEntry>& newest) override {
    const Fate fate = hook_.enter("cache.save", std::to_string(newest.size()), Kind::local);
    if (fate == Fate::refused || fate == Fate::never) return failed();
    {
      const std::lock_guard lock(mutex_);
      newest_ = newest;
    }
    hook_.leave("cache.save", "saved");
    return {};
  }

 private:
  static std::unexpected<Error> failed() {
    return fail(Code::unavailable, "the disk is full");
  }

  Hook& hook_;
  std::mutex mutex_;
  std::map<NamespaceName, CommitEntry> newest_;
};

}  // namespace ployz::sim

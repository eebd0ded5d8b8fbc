// One change at a time for each dataset; calls on different ones do not wait for each other.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "model/names.h"

namespace ployz::btrfs {

class IdLocks {
 public:
  // Waits until none of them is held, holds all of them until the result ends. Whoever waits holds
  // none, so that two callers never wait for each other.
  [[nodiscard]] std::shared_ptr<void> hold(std::vector<DatasetId> ids) {
    std::unique_lock lock(mutex_);
    released_.wait(lock, [&] {
      return std::ranges::none_of(ids, [&](const DatasetId& id) { return held_.contains(id); });
    });
    held_.insert(ids.begin(), ids.end());
    return {nullptr, [this, ids = std::move(ids)](void*) {
              {
                const std::lock_guard relock(mutex_);
                for (const DatasetId& id : ids) held_.erase(id);
              }
              released_.notify_all();
            }};
  }

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  std::set<DatasetId> held_;
};

}  // namespace ployz::btrfs

// Which operations this process works on right now. What the store says of an operation of this
// machine that is not in here was left by a former life of the daemon.
#pragma once

#include <mutex>
#include <set>

#include "model/names.h"

namespace ployz {

class RunningOperations {
 public:
  // False: it runs already.
  [[nodiscard]] bool begin(const OperationId& id) {
    const std::lock_guard lock(mutex_);
    return running_.insert(id).second;
  }
  void end(const OperationId& id) {
    const std::lock_guard lock(mutex_);
    running_.erase(id);
  }
  [[nodiscard]] bool contains(const OperationId& id) {
    const std::lock_guard lock(mutex_);
    return running_.contains(id);
  }

 private:
  std::mutex mutex_;
  std::set<OperationId> running_;
};

}  // namespace ployz

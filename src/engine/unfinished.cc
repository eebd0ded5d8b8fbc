#include "engine/unfinished.h"

#include <limits>

#include "engine/journal.h"

namespace ployz {

void UnfinishedOperations::note(const Operation& operation) {
  if (operation.name_space.empty()) return;
  const std::lock_guard lock(mutex_);
  if (operation.ended()) {
    unfinished_.erase(operation.id);
  } else {
    unfinished_[operation.id] = operation.name_space;
  }
}

void UnfinishedOperations::forget(const OperationId& id) {
  const std::lock_guard lock(mutex_);
  unfinished_.erase(id);
}

Result<std::vector<OperationId>> UnfinishedOperations::of(KeyValue& records,
                                                          const NamespaceName& name_space) {
  const auto is_read = [this] {
    const std::lock_guard lock(mutex_);
    return read_;
  };
  if (!is_read()) {
    for (const JournaledOperation& found :
         TRY(list_operations(records, std::numeric_limits<size_t>::max()))) {
      note(found.operation);
    }
  }
  const std::lock_guard lock(mutex_);
  read_ = true;
  std::vector<OperationId> found;
  for (const auto& [id, its] : unfinished_) {
    if (its == name_space) found.push_back(id);
  }
  return found;
}

}  // namespace ployz

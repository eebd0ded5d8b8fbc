// The unfinished operations this process knows of. A namespace's lease names its unfinished
// operation; this finds one that no lease names any more, because the store lost the lease or an
// older daemon overwrote it. Reading every record is for `op ls` and for the first command of a
// daemon's life, not for each; so what was seen unfinished is remembered until it has ended.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "model/operation.h"
#include "ports/control_store.h"

namespace ployz {

class UnfinishedOperations {
 public:
  // Call with every record that is read or was left. Those without a namespace are not the
  // engine's.
  void note(const Operation& operation);
  // It has ended, or is not there.
  void forget(const OperationId& id);
  // Of the namespace, oldest first; some may have ended since. Reads all records once.
  [[nodiscard]] Result<std::vector<OperationId>> of(KeyValue& records,
                                                    const NamespaceName& name_space);

 private:
  std::mutex mutex_;
  bool read_ = false;
  std::map<OperationId, NamespaceName> unfinished_;
};

}  // namespace ployz

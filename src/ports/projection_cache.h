// Where a router keeps the last good newest commits over its own restarts. Real: a file, replaced
// atomically (src/drivers/os).
#pragma once

#include <map>

#include "base/result.h"
#include "model/commit.h"

namespace ployz {

class ProjectionCache {
 public:
  virtual ~ProjectionCache() = default;
  // Empty when there is none; `corrupt` when it does not parse (the router starts empty then).
  [[nodiscard]] virtual Result<std::map<NamespaceName, CommitEntry>> load() = 0;
  // Durable when it returns.
  [[nodiscard]] virtual Status save(const std::map<NamespaceName, CommitEntry>& newest) = 0;
};

}  // namespace ployz

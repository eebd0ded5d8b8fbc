// Who may connect to the store as a leaf node, on the machine that runs it. Real: nats-server's
// configuration, reloaded (apps/ployzd).
#pragma once

#include <vector>

#include "base/result.h"
#include "mesh/roster.h"

namespace ployz {

class StoreUsers {
 public:
  virtual ~StoreUsers() = default;
  // Exactly these from now on, beside the machine's own; nobody else is disconnected. May be
  // repeated.
  [[nodiscard]] virtual Status set(const std::vector<StoreUser>& leaves) = 0;
};

}  // namespace ployz

// The daemon's life: alone until `mesh init`, then a member of a network. Adopts what an earlier
// life left: identity, keys, running units and containers.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "founder.h"
#include "identity.h"
#include "member.h"
#include "model/config.h"
#include "paths.h"

namespace ployz {

class Node {
 public:
  Node(Config config, Paths paths, LocalDrivers drivers);

  // Joins the network this machine belongs to, if any. Errors: see load_identity, Member::join.
  [[nodiscard]] Status start();

  // `precondition` before `mesh init`.
  [[nodiscard]] Result<std::shared_ptr<Member>> member();

  // Founds a network; true: by this call, false: it was founded before under this name. `exists`:
  // this machine belongs to another. After a failure the same call continues (founder.h).
  [[nodiscard]] Result<bool> found_network(const std::string& name, const Progress& progress);

  [[nodiscard]] const Config& config() const { return config_; }
  [[nodiscard]] const LocalDrivers& drivers() const { return drivers_; }
  [[nodiscard]] uint64_t started_at_ms() const { return started_at_ms_; }

 private:
  const Config config_;
  const Paths paths_;
  const LocalDrivers drivers_;
  const uint64_t started_at_ms_;
  std::mutex founding_;  // one mesh init at a time
  std::mutex mutex_;     // guards member_
  std::shared_ptr<Member> member_;
};

}  // namespace ployz

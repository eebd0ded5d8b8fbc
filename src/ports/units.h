// Services of this machine's init system. Real: systemd over D-Bus (src/drivers/systemd).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

struct UnitStatus {
  std::string active_state;  // "active", "inactive", "failed", "activating", …
  std::string sub_state;     // "running", "dead", …
  uint32_t main_pid = 0;     // 0: none
  uint32_t restarts = 0;       // by the init system, because it ended by itself
  uint64_t since_ms = 0;       // when its state last changed, wall clock; 0: never
};

class Units {
 public:
  virtual ~Units() = default;
  // Enabled and active when it returns (the start job is done); repeating is fine. `not_found`: no
  // such unit. `precondition`: it failed to start; the hint names journalctl.
  [[nodiscard]] virtual Status ensure_started(std::string_view unit) = 0;
  // Inactive and disabled; stopping the stopped or unknown succeeds.
  [[nodiscard]] virtual Status ensure_stopped(std::string_view unit) = 0;
  [[nodiscard]] virtual Status restart(std::string_view unit) = 0;
  [[nodiscard]] virtual Status reload(std::string_view unit) = 0;
  [[nodiscard]] virtual Result<UnitStatus> status(std::string_view unit) = 0;
};

}  // namespace ployz

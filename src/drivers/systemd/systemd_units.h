// Units over D-Bus: systemd's Manager interface (org.freedesktop.systemd1(5)). A start or stop
// returns when systemd's job is removed, which it announces by the signal JobRemoved: no polling.
#pragma once

#include <memory>

#include "ports/units.h"

namespace ployz {

class SystemdUnits : public Units {
 public:
  // Connects to the system bus. `unavailable` when there is none (no systemd, no permission).
  [[nodiscard]] static Result<std::unique_ptr<SystemdUnits>> connect(
      std::chrono::milliseconds job_timeout = std::chrono::seconds(60));
  ~SystemdUnits() override;

  [[nodiscard]] Status ensure_started(std::string_view unit) override;
  [[nodiscard]] Status ensure_stopped(std::string_view unit) override;
  [[nodiscard]] Status restart(std::string_view unit) override;
  [[nodiscard]] Status reload(std::string_view unit) override;
  [[nodiscard]] Result<UnitStatus> status(std::string_view unit) override;

 private:
  struct Impl;
  explicit SystemdUnits(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ployz

// Services of an init system in memory.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "ports/units.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeUnits final : public Units {
 public:
  explicit FakeUnits(Hook& hook) : hook_(hook) {}
  // A unit file; `fails`: its program cannot be started.
  void install(const std::string& unit, bool fails = false);

  Status ensure_started(std::string_view unit) override;
  Status ensure_stopped(std::string_view unit) override;
  Status restart(std::string_view unit) override;
  Status reload(std::string_view unit) override;
  Result<UnitStatus> status(std::string_view unit) override;

 private:
  struct Unit {
    bool fails = false;
    UnitStatus status{"inactive", "dead", 0, 0, 0};
  };
  Status enter(std::string_view call, std::string_view unit);
  Result<Unit*> find_locked(std::string_view unit);
  Status start_locked(std::string_view name, Unit& unit);

  Hook& hook_;
  std::mutex mutex_;
  std::map<std::string, Unit, std::less<>> units_;
  uint32_t next_pid_ = 100;
};

}  // namespace ployz::sim

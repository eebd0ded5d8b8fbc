#include "sim/fakes/fake_units.h"

#include <format>

namespace ployz::sim {
namespace {

constexpr uint64_t kSinceMs = 1'700'000'000'000;  // of every change

}  // namespace

void FakeUnits::install(const std::string& unit, bool fails) {
  const std::lock_guard lock(mutex_);
  units_[unit].fails = fails;
}

Status FakeUnits::enter(std::string_view call, std::string_view unit) {
  if (hook_.enter(call, unit, Kind::local) == Fate::normal) return {};
  return fail(Code::unavailable, "the init system does not answer");
}

Result<FakeUnits::Unit*> FakeUnits::find_locked(std::string_view unit) {
  const auto it = units_.find(unit);
  if (it == units_.end()) return fail(Code::not_found, std::format("no unit {}", unit));
  return &it->second;
}

Status FakeUnits::start_locked(std::string_view name, Unit& unit) {
  if (unit.fails) {
    unit.status = {"failed", "failed", 0, unit.status.restarts, kSinceMs};
    return fail(Code::precondition, std::format("unit {} failed to start", name),
                std::format("journalctl -u {}", name));
  }
  unit.status = {"active", "running", next_pid_++, unit.status.restarts, kSinceMs};
  return {};
}

Status FakeUnits::ensure_started(std::string_view unit) {
  TRY(enter("units.start", unit));
  const std::lock_guard lock(mutex_);
  Unit* found = TRY(find_locked(unit));
  if (found->status.active_state == "active") return {};
  return start_locked(unit, *found);
}

Status FakeUnits::ensure_stopped(std::string_view unit) {
  TRY(enter("units.stop", unit));
  const std::lock_guard lock(mutex_);
  const auto it = units_.find(unit);
  if (it != units_.end()) it->second.status = {"inactive", "dead", 0, 0, kSinceMs};
  return {};
}

Status FakeUnits::restart(std::string_view unit) {
  TRY(enter("units.restart", unit));
  const std::lock_guard lock(mutex_);
  return start_locked(unit, *TRY(find_locked(unit)));
}

Status FakeUnits::reload(std::string_view unit) {
  TRY(enter("units.reload", unit));
  const std::lock_guard lock(mutex_);
  const Unit* found = TRY(find_locked(unit));
  if (found->status.active_state == "active") return {};
  return fail(Code::precondition, std::format("unit {} does not run", unit));
}

Result<UnitStatus> FakeUnits::status(std::string_view unit) {
  TRY(enter("units.status", unit));
  const std::lock_guard lock(mutex_);
  return TRY(find_locked(unit))->status;
}

}  // namespace ployz::sim

#include "agent/reservations.h"

#include "ports/step_request.h"

namespace ployz {

std::vector<std::string> Reservations::hold(const OperationId& operation,
                                            const std::vector<std::string>& addresses,
                                            uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  forget_expired(now_ms);
  by_operation_.erase(operation);
  std::vector<std::string> taken;
  for (const std::string& address : addresses) {
    for (const auto& [holder, held] : by_operation_) {
      if (held.addresses.contains(address)) taken.push_back(address);
    }
  }
  if (taken.empty() && !addresses.empty()) {
    by_operation_[operation] = {{addresses.begin(), addresses.end()}, now_ms + kReservationMs};
  }
  return taken;
}

void Reservations::release(const OperationId& operation) {
  const std::lock_guard lock(mutex_);
  by_operation_.erase(operation);
}

std::set<std::string> Reservations::held(uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  forget_expired(now_ms);
  std::set<std::string> all;
  for (const auto& [holder, held] : by_operation_) {
    all.insert(held.addresses.begin(), held.addresses.end());
  }
  return all;
}

void Reservations::forget_expired(uint64_t now_ms) {
  std::erase_if(by_operation_, [&](const auto& entry) { return entry.second.until_ms <= now_ms; });
}

}  // namespace ployz

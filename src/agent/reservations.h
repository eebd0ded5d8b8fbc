// Addresses promised to operations between their probe and their containers. In memory only: after
// a restart of the agent an operation probes again, or its container's address conflict says so.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "model/names.h"

namespace ployz {

// Thread-safe; nothing blocks.
class Reservations {
 public:
  // Replaces what the operation held before, until `now_ms` + kReservationMs. All or nothing:
  // returns the addresses others hold, and then the operation holds nothing.
  [[nodiscard]] std::vector<std::string> hold(const OperationId& operation,
                                              const std::vector<std::string>& addresses,
                                              uint64_t now_ms);
  void release(const OperationId& operation);
  // Every address held at `now_ms`.
  [[nodiscard]] std::set<std::string> held(uint64_t now_ms);

 private:
  struct Held {
    std::set<std::string> addresses;
    uint64_t until_ms = 0;
  };
  void forget_expired(uint64_t now_ms);

  std::mutex mutex_;
  std::map<OperationId, Held> by_operation_;
};

}  // namespace ployz

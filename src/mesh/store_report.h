// What is asked of a move of the control plane's store, and what came of it (store_transfer.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mesh/store_calls.h"
#include "model/operation.h"
#include "model/store.h"

namespace ployz {

struct StoreRequest {
  uint64_t replicas = 1;
  // By name or id. Fewer than `replicas`: machines that hold it now stay, in the order of their ids.
  std::vector<std::string> machines;
  bool preview = false;
};

struct StoreReport {
  OperationId operation;  // empty: unchanged, or a preview
  StoreEpoch before;
  StoreEpoch after;
  std::vector<std::string> machines;  // of `after`, by name
  bool preview = false;
  Outcome outcome = Outcome::unchanged;
  CopiedStore copied;
  uint64_t frozen_ms = 0;            // no writes
  std::vector<std::string> silent;  // machines that have not said they follow, by name
};

}  // namespace ployz

// What of the newest commits stands on one machine. Pure.
#pragma once

#include <string>
#include <vector>

#include "model/names.h"
#include "plan/snapshot.h"

namespace ployz {

struct Workload {
  NamespaceName name_space;
  ServiceName service;
  uint32_t instances = 0;

  [[nodiscard]] std::string name() const { return name_space.str() + "/" + service.str(); }
  bool operator==(const Workload&) const = default;
};

// Services with instances there, as committed, whether the machine answers or not. Sorted.
[[nodiscard]] std::vector<Workload> workloads_on(const Snapshot& snapshot, const MachineId& machine);

// "shop/db, shop/web and 3 more": at most a handful by name.
[[nodiscard]] std::string name_some(const std::vector<Workload>& workloads);

}  // namespace ployz

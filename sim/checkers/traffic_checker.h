// What clients see at every moment: gateways switch between whole projections of commits, never
// back, and no server that a gateway routes to is stopped under it.
#pragma once

#include "sim/world/world.h"

namespace ployz::sim {

class TrafficChecker {
 public:
  // Watches from now on.
  explicit TrafficChecker(World& world);

 private:
  void on_switch(SimMachine& machine, const RouteTable& table);
  void on_stopping(const FoundInstance& found);
  void check_is_projection(const SimMachine& machine, const RouteTable& table);
  [[nodiscard]] bool moves_data_of(const FoundInstance& found, const Commit& next);
  [[nodiscard]] bool may_interrupt(const FoundInstance& found);
  [[nodiscard]] bool is_participant(const SimMachine& machine, const NamespaceName& name_space);

  World& world_;
  std::map<MachineId, std::map<NamespaceName, uint64_t>> shown_;
};

}  // namespace ployz::sim

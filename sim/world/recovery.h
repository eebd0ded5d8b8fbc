// The end of a cluster's store that is on one machine: clients write, copies of the store lag behind, the
// machine is destroyed, and a survivor's copy becomes the store (mesh/store_recovery.h). What must hold
// then: exactly one of those that answer is the one to do it; what was acknowledged before the window that
// the plan names is there; what it says is missing is missing; everybody follows and can write.
#pragma once

#include <map>

#include "mesh/store_recovery.h"
#include "sim/world/world.h"

namespace ployz::sim {

class Recovery {
 public:
  explicit Recovery(World& world) : world_(world) {}
  // Of a settled world. Nothing, where the store is on several machines or nobody would survive.
  void live();

 private:
  // A machine's copy: how many messages of each stream it has.
  struct Copy {
    std::map<StreamName, size_t> has;
    CopyProgress progress;
  };
  void work();
  void write(SimMachine& machine);
  void look(Copy& copy, uint64_t now_ms);
  [[nodiscard]] std::optional<std::pair<SimMachine*, RecoveryReport>> choose(
      const std::map<MachineId, MirrorReach>& answers);
  void restore(SimMachine& survivor, const RecoveryReport& report);
  void check_window(const PlacedStore& lost, const RecoveryReport& report);
  void check_follows();
  [[nodiscard]] uint64_t now_ms() const { return world_.scheduler.now_ns() / 1'000'000; }

  World& world_;
  std::map<MachineId, Copy> copies_;
  std::map<uint64_t, uint64_t> acknowledged_ms_;  // by revision
  uint64_t began_ms_ = 0;
  uint64_t keys_ = 0;
};

}  // namespace ployz::sim

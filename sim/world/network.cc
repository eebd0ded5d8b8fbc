#include "sim/world/network.h"

namespace ployz::sim {

void Network::partition(Random& random, uint64_t until_ns) {
  if (machines_ < 2) return;
  const uint64_t shape = random.below(5);
  if (shape == 0) {  // one direction of one link
    const MachineIndex from = random.below(machines_);
    const MachineIndex to = (from + 1 + random.below(machines_ - 1)) % machines_;
    cut(from, to, until_ns);
    return;
  }
  std::vector<bool> side(machines_, false);
  bool both_ways = true;
  if (shape == 1) {  // one machine alone
    side[random.below(machines_)] = true;
  } else if (shape == 2) {  // the store machine from some, perhaps in one direction
    both_ways = random.coin();
    const bool towards = random.coin();
    for (MachineIndex machine = 1; machine < machines_; ++machine) {
      if (random.coin()) continue;
      if (both_ways || towards) cut(machine, kStoreMachine, until_ns);
      if (both_ways || !towards) cut(kStoreMachine, machine, until_ns);
    }
    return;
  } else {
    for (MachineIndex machine = 0; machine < machines_; ++machine) side[machine] = random.coin();
    both_ways = shape == 3;
  }
  for (MachineIndex from = 0; from < machines_; ++from) {
    for (MachineIndex to = 0; to < machines_; ++to) {
      if (side[from] == side[to]) continue;
      if (both_ways || side[from]) cut(from, to, until_ns);
    }
  }
}

}  // namespace ployz::sim

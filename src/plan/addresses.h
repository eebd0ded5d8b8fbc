// Free overlay addresses of the machines' subnets. Pure and deterministic.
//
// Never handed out: the network address, the first host (gateway of the bridge), the broadcast
// address, and whatever any newest commit, any found container or any reservation of the snapshot
// names. The search starts at an offset drawn from the seed, so that two plans made at the same
// moment rarely collide and an address that was just freed is not used again at once.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/machine.h"
#include "plan/snapshot.h"

namespace ployz {

struct Subnet {
  uint32_t network = 0;
  int prefix = 0;  // 8…30
};

// "10.101.0.0/24"; `invalid` for anything else, host bits set included.
[[nodiscard]] Result<Subnet> parse_subnet(std::string_view text);
[[nodiscard]] Result<uint32_t> parse_ipv4(std::string_view text);
[[nodiscard]] std::string format_ipv4(uint32_t address);

class AddressPool {
 public:
  AddressPool(const Snapshot& snapshot, uint64_t seed);

  // An address nobody has, which is taken from now on. `precondition` when the subnet is full,
  // `corrupt` when the machine's record has no usable subnet.
  [[nodiscard]] Result<std::string> take(const Machine& machine);

 private:
  uint64_t seed_;
  std::set<uint32_t> used_;
  std::map<MachineId, uint32_t> next_;  // offset in the subnet where the next search starts
};

}  // namespace ployz

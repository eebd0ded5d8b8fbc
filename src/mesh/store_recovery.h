// The store is gone for good: which survivor's copy it is restored from, and what may be missing
// then. Pure; who restores is apps/ployzd/store_host.h. `machine storage recover`, docs/adr/0014.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/copy_progress.h"
#include "model/machine.h"
#include "model/store.h"
#include "ports/peer_calls.h"

namespace ployz {

struct RecoverRequest {
  bool preview = false;
  bool yes = false;  // what the copy lacks may be lost
};

struct CopyFound {
  MachineId machine;
  std::string name;
  MirrorReach reach;
};

struct RestoredStore {
  uint64_t commits = 0;  // messages
  uint64_t records = 0;
};

struct RecoveryReport {
  bool preview = false;
  StoreEpoch before;
  StoreEpoch after;                     // one machine, the next epoch
  std::vector<CopyFound> copies;        // complete ones, the most advanced first: at least one
  std::vector<std::string> incomplete;  // members whose copy does not count, or who keep none
  std::vector<std::string> silent;      // members that do not answer
  StoreReach missing;  // so much is known to be: what the store was heard to have, by anybody
  RestoredStore restored;
  std::vector<std::string> behind;  // members that have not said they follow

  // What was acknowledged in this time before now may be missing; what was before, is there.
  [[nodiscard]] uint64_t window_ms() const { return copies.front().reach.window_ms; }
};

// `answers`: of every member that answered over the peer port, and of this machine itself.
// `precondition`: a machine that holds the store answers, so it is not gone; somebody follows a
// later epoch; no copy is complete; or the most advanced one is elsewhere, where this has to be
// run. `conflict`: another machine is at it.
[[nodiscard]] Result<RecoveryReport> plan_recovery(const Machine& self, const StoreEpoch& store,
                                                   const std::vector<Machine>& members,
                                                   const std::map<MachineId, MirrorReach>& answers);

}  // namespace ployz

// Every member takes note of who is in the network: the command "mesh_sync" to all of them.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/mesh_calls.h"
#include "model/machine.h"
#include "ports/clock.h"
#include "ports/machine_rpc.h"

namespace ployz {

struct SilentMember {
  std::string name;
  Error error;
};

// Returns when every member's peers (and the store's users) include the machine, or no longer do.
// What fails within `again` is asked again: a reload of the store's users may cut calls short.
// Returns those that did not confirm it; they take note when they are back.
[[nodiscard]] std::vector<SilentMember> sync_members(MachineRpc& rpc, Clock& clock,
                                                     const std::vector<Machine>& members,
                                                     const MeshSyncRequest& request,
                                                     std::chrono::milliseconds again);

}  // namespace ployz

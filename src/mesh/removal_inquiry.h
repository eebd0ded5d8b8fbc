// A machine that members refuse asks them whether it was removed while it was away.
//
// Whom it believes. An answer is signed by a member of its own network as it saw it last, over the
// question (drivers/peer), so no stranger can send a machine away, nor one that was removed before.
// Nor can who is behind: an answer from an older epoch of the store counts for nothing. And it
// takes all of those who answer: one member to whom it is still one outweighs the others, so nobody
// is sent away by a single member that errs, or lies, while another one is reached. What is true
// sooner or later all say.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/machine.h"
#include "model/removal_notice.h"
#include "ports/machine_rpc.h"
#include "ports/peer_calls.h"

namespace ployz {

// The newest notice, when each of the answers that are not of an epoch before `epoch` has one.
// Nullopt: somebody says otherwise, or nobody says anything. Pure.
[[nodiscard]] std::optional<RemovalNotice> agreed_removal(
    uint64_t epoch, const std::vector<RemovalAnswer>& answers);

// Asks these members, without `self`, over their peer ports. `epoch`: of the store, as this machine
// knows it.
[[nodiscard]] std::optional<RemovalNotice> ask_removal(MachineRpc& peers,
                                                       const std::vector<Machine>& members,
                                                       const MachineId& self, uint64_t epoch,
                                                       std::chrono::milliseconds timeout);

}  // namespace ployz

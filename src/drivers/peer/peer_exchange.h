// The dialing side of the peer port: one connection, one request, one reply.
#pragma once

#include "base/json.h"
#include "base/unix_stream.h"
#include "drivers/peer/peer_config.h"
#include "ports/machine_rpc.h"

namespace ployz {

// MachineRpc::call, with the errors of peer_rpc.h. Blocks until `deadline` at the latest.
[[nodiscard]] Result<Json> exchange(const PeerConfig& config, const RpcAddress& to,
                                    const Json& request, Deadline deadline);

}  // namespace ployz

// The machines of the benchmark, all in one process: real agents behind real RPC, on the
// simulator's containers. Their routers confirm at once: what a router does is its own machine's
// work.
#pragma once

#include "bench/scale/big_cluster.h"
#include "bench/scale/nats_process.h"

namespace ployz::bench {

// A container of the benchmark answers this long after its start.
inline constexpr uint64_t kReadyAfterMs = 500;

// Runs in a child process until `stop` reads end of file; writes one byte to `ready` when all
// machines serve. Returns its exit status.
[[nodiscard]] int serve_agents(const BigCluster& cluster, const NatsProcess& nats, size_t bare,
                               int ready, int stop);

}  // namespace ployz::bench

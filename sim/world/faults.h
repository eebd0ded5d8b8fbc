// Which faults a seed has and how often. Each seed switches a random subset on ("swarm testing",
// Groce et al. 2012): rare combinations get seeds of their own.
#pragma once

#include <cstdint>

#include "sim/scheduler/random.h"

namespace ployz::sim {

// Parts per million of all port calls, unless said otherwise.
struct Faults {
  uint64_t crash_daemon = 0;
  uint64_t crash_router = 0;
  uint64_t stall = 0;          // one thread hangs longer than a lease lives
  uint64_t pause = 0;          // a whole process does
  uint64_t store_refused = 0;
  uint64_t store_lost = 0;     // never, reply lost or late
  uint64_t store_away = 0;     // for some seconds
  uint64_t rpc_refused = 0;
  uint64_t rpc_lost = 0;
  uint64_t rpc_duplicated = 0;
  uint64_t local_failed = 0;   // engine, gateway, DNS or disk of a machine
  uint64_t volumes_failed = 0; // of calls that make, snapshot, send, receive or destroy datasets
  uint64_t stream_broken = 0;  // of reads of a stream between machines: cut, corrupt or silent
  uint64_t slow = 0;           // a call takes seconds
  uint64_t bad_image = 0;      // of deploys: never ready or exits
  uint64_t cancel = 0;         // of commands: Ctrl-C at some moment
  uint64_t partition = 0;
  uint64_t machine_pause = 0;  // everything on a machine, which comes back with old timers
  uint64_t machine_death = 0;  // for good; never the store's
  uint64_t clock_skew_ms = 0;  // at most, either way

  [[nodiscard]] static Faults draw(Random& random);
};

}  // namespace ployz::sim

// Copies of the store's streams in a leaf node's own JetStream (domain "m-<machine>"), kept up by
// nats-server itself, asynchronously. Nobody reads or writes them in normal life: they are what
// a recovery starts from when the store machine is gone for good. That of the commits is whole; those
// of the buckets may lack records (docs/adr/0013). A mirror has no subjects,
// so nothing can be appended to it. It has the stream's own name, in another domain, because a copy can
// be restored under no other (nats-server 2.10 keys its checksums with it).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/nats/connection.h"
#include "model/names.h"

namespace ployz {

// Creates the mirrors that are missing; may be repeated, and with the store away: they catch up
// when it is back. `local` is the daemon's connection to its own machine's leaf node.
// `precondition`: a stream of that name is not such a mirror.
[[nodiscard]] Status ensure_mirrors(NatsConnection& local, const MachineId& machine);

struct MirrorState {
  std::string stream;          // the store's: "COMMITS"
  uint64_t last_sequence = 0;  // reached
  uint64_t messages = 0;
  uint64_t lag = 0;                   // messages the store had more, when last heard of
  std::optional<uint64_t> silent_ms;  // since the store was last heard of; nullopt: never yet
};
// Answered by the machine itself, with the store away too. In the order of all_streams().
[[nodiscard]] Result<std::vector<MirrorState>> mirror_lag(NatsConnection& local,
                                                          const MachineId& machine);

}  // namespace ployz

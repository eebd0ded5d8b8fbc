// A machine's copy of the store, in its leaf node's own JetStream (domain "m-<machine>"), kept up
// by nats-server itself, asynchronously. Nobody reads or writes it in normal life: it is what a
// recovery starts from when the store machine is gone for good (docs/adr/0014). It has no subjects,
// so nothing can be appended to it. Streams have their own names, in another domain, because a copy
// can be restored under no other (nats-server 2.10 keys its checksums with it).
//
// COMMITS is a mirror: all history, every sequence. A bucket is a stream with the store's as its
// source: every record as it is, under other sequences. As a mirror it would lack records:
// nats-server 2.10.27 checks a writer's expectation in a mirror too, and one that began after a
// record's first revision refuses that record for ever. Of what comes from a source it removes the
// expectation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/nats/connection.h"
#include "model/names.h"

namespace ployz {

// Creates what is missing; may be repeated, and with the store away: it catches up when that is
// back. `local` is the daemon's connection to its own machine's leaf node. A mirror of a bucket, as
// earlier versions made them, is replaced while the store answers. `precondition`: a stream of that
// name is another thing.
[[nodiscard]] Status ensure_mirrors(NatsConnection& local, const MachineId& machine);

// The newest sequence of the store's streams, by name, as of all_streams(); 0: none yet.
using StreamSequences = std::map<std::string, uint64_t>;
[[nodiscard]] Result<StreamSequences> store_sequences(NatsConnection& connection);
// What of them has arrived in the copy. Answered by the machine itself, with the store away too.
[[nodiscard]] Result<StreamSequences> copied_sequences(NatsConnection& local,
                                                       const MachineId& machine);
// Whether `copied` has everything of `stored`.
[[nodiscard]] bool has_reached(const StreamSequences& copied, const StreamSequences& stored);

// Asks for every record that the store has now, whether the copy has it, or a later one. `corrupt`
// names one that it lacks; `unavailable`, `timeout`: the store does not answer.
[[nodiscard]] Status check_whole(NatsConnection& local, const MachineId& machine);

// The store's sequence of a message that came from a source: its header Nats-Stream-Source,
// "KV_meta:ZVVL0AF6 8 > >". `corrupt`: it is none.
[[nodiscard]] Result<uint64_t> source_sequence(std::string_view header);

}  // namespace ployz

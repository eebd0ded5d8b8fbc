// What a recovery puts into a new, empty store beside the commits, which are restored from a
// snapshot of the copy (stream_copy.h): the records, by fresh writes, and the gaps that keep what
// was lost apart from what comes (docs/adr/0014).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "drivers/nats/connection.h"
#include "ports/control_store.h"

namespace ployz {

// Revisions and sequences begin this much above what the copy had reached, so that nobody who knows
// something that was lost takes what comes for that: far more than a store writes unseen by its
// copies. A number is all that a bucket needs; in COMMITS a gap is made of messages, one by one.
inline constexpr uint64_t kRecordGap = 1'000'000'000;
inline constexpr uint64_t kCommitGap = 256;

struct RestorePorts {
  NatsConnection& copy;    // as the admin of the machine's copy (server_config.h)
  NatsConnection& admin;   // of the new store
  NatsConnection& daemon;  // which writes to that
};
// Returns how many records the bucket has in the copy; they are in the new store then, and no
// others. `reached`: the copy's sequence, of the former store. `exists`: the new store has a bucket
// of that name. `corrupt`: what was written differs from the copy.
[[nodiscard]] Result<uint64_t> restore_bucket(const RestorePorts& ports, Bucket bucket,
                                              uint64_t reached);

// Takes `count` sequences of COMMITS away: messages that are no commits and are shown to nobody.
[[nodiscard]] Status skip_commits(NatsConnection& daemon, uint64_t count);

}  // namespace ployz

// How far this machine's copy of the store is (drivers/nats/mirrors.h): what a recovery may count
// on, and what it has to call lost. Kept in a file for each epoch, so that it is known with the
// store gone. Pure; who looks is apps/ployzd/store_copy.h.
#pragma once

#include <cstdint>

#include "base/json.h"
#include "base/result.h"
#include "ports/peer_calls.h"

namespace ployz {

// Sequences of a store, comparable between all copies of it.
struct StoreReach {
  uint64_t commits = 0;  // the newest of COMMITS
  uint64_t records = 0;  // those of the buckets, added up
  bool operator==(const StoreReach&) const = default;
};

// There is none before the copy had everything for the first time, record by record.
struct CopyProgress {
  uint64_t whole_at_ms = 0;  // wall clock: what was acknowledged by then is in the copy
  StoreReach copied;         // what it had then
  StoreReach stored;         // what the store was last heard to have
  bool operator==(const CopyProgress&) const = default;
};

[[nodiscard]] Json to_json(const CopyProgress& progress);
// `corrupt` names what is wrong.
[[nodiscard]] Result<CopyProgress> copy_progress_from_json(const Json& json);

// What this machine tells its peers. `copied`: what the copy has now. Less than it had: it is not
// that copy any more, and does not count.
[[nodiscard]] MirrorReach reach_of(uint64_t epoch, const CopyProgress& progress,
                                   const StoreReach& copied, uint64_t now_ms);

}  // namespace ployz

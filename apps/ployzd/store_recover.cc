// The part of StoreHost for a store that is gone for good: this machine's copy becomes the store.
#include <format>

#include "base/files.h"
#include "drivers/nats/mirrors.h"
#include "drivers/nats/store_restore.h"
#include "drivers/nats/stream_copy.h"
#include "drivers/nats/streams.h"
#include "mesh/store_decision.h"
#include "store_host.h"

namespace ployz {

Result<StoreHost::Recovering> StoreHost::begin_recovery() {
  if (!recovering_.exchange(true)) return Recovering(&recovering_);
  return fail(Code::conflict, "the store is being restored on this machine",
              "wait for that command to end");
}

// With every sequence, and then a gap for those that may have been lost.
Result<uint64_t> StoreHost::restore_commits(NatsConnection& copy, NatsConnection& admin,
                                            NatsConnection& daemon, uint64_t missing) {
  const std::string stream(kCommitStream);
  const auto file = paths_.store_copies() / stream;
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  const StreamSnapshot taken = TRY(take_snapshot(copy, stream, file));
  TRY(restore_stream(admin, taken, 1));
  std::filesystem::remove(file, error);
  const StreamDigest was = TRY(digest_stream(copy, stream));
  const StreamDigest is = TRY(digest_stream(admin, stream));
  if (was != is) {
    return fail(Code::corrupt, std::format("the restored commits differ from the copy: {} of {}",
                                           is.messages, was.messages));
  }
  TRY(skip_commits(daemon, missing + kCommitGap));
  return was.messages;
}

Result<RestoredStore> StoreHost::restore_copy(const StoreCall& call, const StoreReach& missing) {
  const Identity now = ports_.identity();
  const Identity next = identity_in(call.next);
  const auto copy = TRY(connect(now, true));
  const auto admin = TRY(connect(next, true));
  const auto daemon = TRY(connect(next, false));
  TRY(ensure_epoch_stream(*admin, 1));
  const StreamSequences copied = TRY(copied_sequences(ports_.connection, now.machine.id));
  RestoredStore restored;
  restored.commits = TRY(restore_commits(*copy, *admin, *daemon, missing.commits));
  for (const Bucket bucket : all_buckets()) {
    restored.records +=
        TRY(restore_bucket({*copy, *admin, *daemon}, bucket, copied.at(bucket_stream(bucket))));
  }
  NatsKeyValue records(*daemon);
  TRY(write_place(records, ports_.clock, call));
  return restored;
}

// Begun anew after a failure, in a new directory; until it goes over nobody knows of it. The copy
// stays as it is.
Result<RestoredStore> StoreHost::recover(const StoreEpoch& next, const StoreReach& missing) {
  RestoredStore restored;
  {
    const std::scoped_lock lock(changing_);
    const StoreCall call{OperationId("recover"), next, ""};
    const Identity now = ports_.identity();
    TRY(check_prepare(now.machine, now.store, {}, call));
    TRY(start_empty(call));
    restored = TRY(restore_copy(call, missing));
  }
  TRY(go_over_(next));
  return restored;
}

}  // namespace ployz

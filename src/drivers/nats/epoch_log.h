// The decision whether a store is followed by another: the stream EPOCH of a store, of TransferRecords.
// It is the only stream that is not frozen and not copied; a new store begins with none.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "drivers/nats/connection.h"
#include "model/store.h"

namespace ployz {

// Nullopt: there was no transfer yet. Any daemon may ask. `corrupt`: the newest does not parse.
[[nodiscard]] Result<std::optional<StoredTransfer>> newest_transfer(NatsConnection& connection);

// Appends if `expected` is the newest (0: none); `conflict` (effect none) if not. `admin` is the store's
// (stream_copy.h). Of an unknown outcome: read newest_transfer.
[[nodiscard]] Result<uint64_t> append_transfer(NatsConnection& admin, const TransferRecord& record,
                                               uint64_t expected);

// The newest, then every later one, on a thread of the connection; what does not parse is left out.
[[nodiscard]] Result<std::unique_ptr<Subscription>> follow_transfers(
    NatsConnection& connection, std::function<void(const StoredTransfer&)> on_transfer);

}  // namespace ployz

// The streams Ployz keeps its state in, and their names: COMMITS and one KV_<bucket> per Bucket
// (NATS's own key-value layout, so that `nats kv` can read them).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "drivers/nats/connection.h"
#include "ports/control_store.h"

namespace ployz {

inline constexpr std::string_view kCommitStream = "COMMITS";
inline constexpr std::string_view kCommitSubjects = "ployz.commit.*";
// What takes sequences away after a recovery (store_restore.h). No namespace can have this name.
inline constexpr std::string_view kSkippedSubject = "ployz.commit._skipped";
// Whether this store is to be followed by another: epoch_log.h. Never copied, never frozen.
inline constexpr std::string_view kEpochStream = "EPOCH";
inline constexpr std::string_view kEpochSubject = "ployz.epoch";
inline constexpr std::string_view kEpochKey = "epoch";  // in Bucket::meta: decimal

[[nodiscard]] std::string commit_subject(const NamespaceName& name_space);
[[nodiscard]] std::string bucket_stream(Bucket bucket);                         // "KV_leases"
[[nodiscard]] std::string record_subject(Bucket bucket, std::string_view key);  // "$KV.leases.x"
// What a frozen stream listens to instead of its own subjects (stream_copy.h), and whether a stream of
// this configuration does.
[[nodiscard]] std::string frozen_subject(std::string_view stream);  // "ployz.frozen.KV_leases"
[[nodiscard]] bool is_frozen(const Json& stream_config);
[[nodiscard]] std::span<const Bucket> all_buckets();
// What is copied when the store moves: all but EPOCH.
[[nodiscard]] std::vector<std::string> all_streams();

// Their configurations, as JetStream's API takes them; in the order of all_streams().
[[nodiscard]] std::vector<Json> stream_configs(int replicas);

// Creates what is missing, with `replicas` copies (1, 3 or 5); what is there is left as it is,
// unless it would lose messages (`precondition`). Needs a user with `manages_streams`. May be
// repeated.
[[nodiscard]] Status ensure_streams(NatsConnection& connection, int replicas);

// EPOCH, as above: also where a server was started for a store that is to come.
[[nodiscard]] Status ensure_epoch_stream(NatsConnection& connection, int replicas);

// The store's epoch is `epoch`, written if it has none. `precondition` when it has another: this is
// not the store that was meant (architecture.md, store transfer).
[[nodiscard]] Status ensure_epoch(KeyValue& records, uint64_t epoch);

}  // namespace ployz

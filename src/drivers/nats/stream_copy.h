// Copies of whole streams, with every sequence as it was, and whether two copies are the same: what a
// store transfer and a recovery consist of (docs/adr/0013). NATS's own snapshots (docs.nats.io,
// "STREAM.SNAPSHOT", "STREAM.RESTORE"): the only way that keeps sequences, and with them every
// revision and every expectation of a writer.
//
// A snapshot can be taken by any daemon, through a leaf too. The rest needs the admin
// (server_config.h), whose domain is the store's own or the machine's, kStoreDomain or mirror_domain().
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "drivers/nats/connection.h"

namespace ployz {

// Of a stream at one moment. The bytes are NATS's (a compressed tar), in a file.
struct StreamSnapshot {
  std::string stream;
  Json state;  // as the server told it
  std::filesystem::path file;
};

// Writes the stream's bytes to `file`, which is overwritten. `timeout`: nothing came for the
// connection's request timeout. Effect of errors: none on the stream.
[[nodiscard]] Result<StreamSnapshot> take_snapshot(NatsConnection& connection,
                                                   const std::string& stream,
                                                   const std::filesystem::path& file);

// Makes the stream from a snapshot, as one that takes writes, with `replicas` copies. `exists`: there is
// one of that name, which stays as it is.
[[nodiscard]] Status restore_stream(NatsConnection& admin, const StreamSnapshot& snapshot,
                                    int replicas);

// Whether all copies of a stream are there and agree; with one copy always. `unavailable` says what is
// missing.
[[nodiscard]] Status check_settled(NatsConnection& admin, const std::string& stream);

// What a stream holds, every message with subject, sequence, headers and data. Two are equal if and
// only if their streams are.
struct StreamDigest {
  uint64_t messages = 0;
  uint64_t last_sequence = 0;  // of the last message there is
  std::string digest;
  bool operator==(const StreamDigest&) const = default;
};
[[nodiscard]] Result<StreamDigest> digest_stream(NatsConnection& connection,
                                                 const std::string& stream);

// A frozen stream refuses every write with `unavailable`, effect none, over restarts of the server too;
// it is read as before. Once this has returned it never changes again until it is unfrozen. Repeated:
// nothing.
//
// Its subjects are exchanged for one that nobody writes to (architecture.md). No limit of a stream would
// do: each machine of a store looks at those when it stores what was agreed on, so one that knows of the
// limit earlier than the others leaves out what they keep, for ever (measured with max_msg_size,
// nats-server 2.10.27: NatsStoreMoves.WhatIsFrozenNeverChangesAgain).
[[nodiscard]] Status freeze_stream(NatsConnection& admin, const std::string& stream, bool frozen);
// `conflict`: it takes writes, as whoever leads the stream knows it.
[[nodiscard]] Status check_frozen(NatsConnection& admin, const std::string& stream);

}  // namespace ployz

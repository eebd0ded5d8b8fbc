// The wire form of what machines are asked while the store moves: RPC commands of the agent target.
// Each may be repeated. Who decides is the former store (model/store.h), not whoever asks.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/store.h"

namespace ployz {

// Which transfer is meant. `secret`: hexadecimal, what the servers of a store of several machines know
// each other by; only in "store_prepare".
struct StoreCall {
  OperationId operation;
  StoreEpoch next;
  std::string secret;
};

// "store_prepare": a machine that is to hold the store starts an empty server of the next epoch, which
// nobody else can reach. `precondition`: the store moved on meanwhile.
inline constexpr std::string_view kStorePrepare = "store_prepare";
// "store_form", of one of them, once all are prepared: waits until they are one store that can be copied
// to. Several need a leader first, and to have heard of each other; given up after kStoreForming.
inline constexpr std::string_view kStoreForm = "store_form";
// "store_discard": that server is stopped, and what it held set aside. Absent: nothing.
inline constexpr std::string_view kStoreDiscard = "store_discard";
// "store_freeze", of a machine that holds the store: takes writes no more until "store_decide", or until
// kStoreDecision has passed, which aborts. `conflict`: another transfer is under way.
inline constexpr std::string_view kStoreFreeze = "store_freeze";
// "store_copy", of a machine that is to hold the store: copies every stream to the next epoch and
// compares; answers CopiedStore. Asked again it copies nothing again: `timeout` as long as it is at it,
// then the same answer. A daemon that died meanwhile cannot go on with it, and says so.
inline constexpr std::string_view kStoreCopy = "store_copy";
// "store_commit" and "store_abort", of a machine that holds the store: answers Decision, which may be
// the other one.
inline constexpr std::string_view kStoreCommit = "store_commit";
inline constexpr std::string_view kStoreAbort = "store_abort";

// "store_epoch", of any machine: mesh/moves_under_way.h.
inline constexpr std::string_view kStoreEpoch = "store_epoch";

// Longer than any copy takes; then whoever holds the store gives it up.
inline constexpr std::chrono::milliseconds kStoreDecision{120'000};
// Measured of 211 times three servers: within 3.5 s, but for the 6 that never were one store (nats-server
// 2.10.27: one of three that start together may be heard by nobody, though it hears the others; it stays
// so). An election in vain takes up to nine seconds more.
inline constexpr std::chrono::milliseconds kStoreForming{20'000};
inline constexpr int kStoreStarts = 3;
inline constexpr std::chrono::milliseconds kStoreStep{60'000};  // for each of the others

struct CopiedStore {
  uint64_t messages = 0;
  uint64_t bytes = 0;  // of the copies
};

struct Decision {
  TransferState state = TransferState::begun;
  uint64_t frozen_ms = 0;  // from the freeze to this decision, by the clock of who holds the store
};

[[nodiscard]] bool is_store_call(std::string_view command);
[[nodiscard]] Json to_json(const StoreCall& call);
[[nodiscard]] Result<StoreCall> store_call_from_json(const Json& json);
[[nodiscard]] Json to_json(const CopiedStore& copied);
[[nodiscard]] Result<CopiedStore> copied_store_from_json(const Json& json);
[[nodiscard]] Json to_json(const Decision& decision);
[[nodiscard]] Result<Decision> decision_from_json(const Json& json);

}  // namespace ployz

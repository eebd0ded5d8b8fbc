// Where the control-plane store is: an epoch of it. Every change of the machines that hold it makes a
// new store, with the next epoch, and a transfer of what the former one held; the decision is one
// message in the former store (docs/adr/0013).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"

namespace ployz {

struct StoreMember {
  MachineId machine;
  std::string address;  // on the overlay
  bool operator==(const StoreMember&) const = default;
};

struct StoreEpoch {
  uint64_t epoch = 1;
  std::vector<StoreMember> members;  // 1, 3 or 5; sorted by machine
  bool operator==(const StoreEpoch&) const = default;

  [[nodiscard]] bool includes(const MachineId& machine) const;
};

//   begun      the store is frozen; if nothing is decided by the deadline, whoever has it gives it up
//   committed  the store is the next epoch's from now on; this one never takes a write again
//   aborted    nothing has changed
enum class TransferState { begun, committed, aborted };

// One message of a store's EPOCH stream. Each is appended under the expectation that the one before it
// is the newest, so of a commit and an abort exactly one succeeds.
struct TransferRecord {
  TransferState state = TransferState::begun;
  OperationId operation;
  StoreEpoch next;
  uint64_t deadline_ms = 0;  // wall clock of who holds the store
  bool operator==(const TransferRecord&) const = default;
};

// As it is in that stream.
struct StoredTransfer {
  TransferRecord record;
  uint64_t sequence = 0;
  bool operator==(const StoredTransfer&) const = default;
};

[[nodiscard]] std::string_view to_string(TransferState state);
[[nodiscard]] Json to_json(const StoreEpoch& epoch);
// `corrupt`: no member, one twice, or an address that is none.
[[nodiscard]] Result<StoreEpoch> store_epoch_from_json(const Json& json);
[[nodiscard]] Json to_json(const TransferRecord& record);
[[nodiscard]] Result<TransferRecord> transfer_record_from_json(const Json& json);

inline constexpr uint64_t kMostReplicas = 5;
// How many machines may hold a store.
[[nodiscard]] constexpr bool is_replica_count(uint64_t count) {
  return count == 1 || count == 3 || count == 5;
}

}  // namespace ployz

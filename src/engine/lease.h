// The lease on a namespace: KV bucket `leases`, key "ns.<namespace>". Politeness only, correctness
// rests on the commit's compare-and-set and on the journal's; but it is also where a namespace
// names its unfinished operation: the record is removed only when that operation has ended, so an
// interrupted one is found by whoever comes next. Its expiry is of the holder's clock: one that is
// ahead is seen through by LeaseSightings; one that is far behind loses its politeness, no more.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

struct LeaseRecord {
  OperationId operation;
  MachineId coordinator;
  uint64_t attempt = 1;
  uint64_t expires_at_ms = 0;  // wall clock; 0: nobody works on the operation
  std::string nonce;           // tells two writers of otherwise equal records apart
};

[[nodiscard]] std::string encode(const LeaseRecord& record);
[[nodiscard]] Result<LeaseRecord> decode_lease(std::string_view bytes);
[[nodiscard]] std::string lease_key(const NamespaceName& name_space);

struct FoundLease {
  std::optional<LeaseRecord> record;  // nullopt: garbage, which anybody may replace
  uint64_t revision = 0;
};

[[nodiscard]] Result<std::optional<FoundLease>> find_lease(KeyValue& records,
                                                           const NamespaceName& name_space);

class Lease {
 public:
  Lease(KeyValue& records, Clock& clock, std::chrono::milliseconds ttl)
      : records_(records), clock_(clock), ttl_(ttl) {}

  // Takes it over from `revision` (0: nobody has it). `conflict`: somebody was quicker.
  [[nodiscard]] Status take(const NamespaceName& name_space, LeaseRecord record, uint64_t revision);
  // Called often; writes when a third of the time has passed. Errors are not reported: who lost
  // the lease notices at the next write of the journal.
  void renew_if_due();
  // The operation has ended. Best effort: an ended operation's lease stops nobody.
  void release();
  // Nobody works on the operation any more, but it has not ended. Best effort: it expires.
  void leave();
  [[nodiscard]] bool held() const { return revision_ != 0; }

 private:
  KeyValue& records_;
  Clock& clock_;
  std::chrono::milliseconds ttl_;
  std::string key_;
  LeaseRecord record_;
  uint64_t revision_ = 0;       // 0: not held
  uint64_t renewed_at_ms_ = 0;  // steady clock
};

}  // namespace ployz

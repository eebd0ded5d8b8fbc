// A machine that was removed can never come back as itself: its record, its claim of a subnet and
// its admission go, so that it is no member's peer any more and the store drops its user; and a
// tombstone (tombstone.h) keeps id and keys from being admitted again. The same host comes in anew,
// with new ones.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "mesh/tombstone.h"
#include "model/admission.h"
#include "model/machine.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

// The tombstone first, so that a revocation that is cut off is found; then the rest. Idempotent,
// also when some of it is gone already. `conflict`: somebody changed the record again and again.
// Its time is that of the first of these calls.
[[nodiscard]] Status revoke(KeyValue& records, Clock& clock, Tombstone tombstone);

// The newest of the machines that were called so, or of this id. Nullopt: there was none.
[[nodiscard]] Result<std::optional<Tombstone>> find_tombstone(KeyValue& records,
                                                              std::string_view name_or_id);

// `denied`: a machine of this id or with one of these keys was removed from the network.
[[nodiscard]] Status check_not_removed(KeyValue& records, const SelfRecord& record);

}  // namespace ployz

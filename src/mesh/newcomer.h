// Whether a machine may come in at all: looked at before anything is changed. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "mesh/roster.h"
#include "model/admission.h"

namespace ployz {

// Leases, expiries and the times people read are compared between machines; beyond this they would
// mislead. NTP keeps machines within milliseconds.
inline constexpr uint64_t kMaxClockSkewMs = 5'000;
// From the joiner saying what its clock shows to the comparison here: over ssh, by an operator's
// computer in between. Only an earlier time can be explained by it; the proof before a machine
// becomes a member asks again, directly.
inline constexpr uint64_t kRecordTransferMs = 10'000;

// `theirs` was read at most `transfer_ms` before `ours`. `precondition` with both and the distance.
[[nodiscard]] Status check_clock_skew(uint64_t theirs_ms, uint64_t ours_ms, uint64_t transfer_ms);

// The rule: the machines of a network run the same major and minor version; patches may differ, and
// so may what follows a "-" or "+". `precondition` naming the older one, which is to be upgraded.
[[nodiscard]] Status check_version_fits(std::string_view theirs, std::string_view ours);

// `invalid`: id, name or keys are not what they should be. `exists`: it is a member already, or the
// name or a key belongs to another machine of the network or to one that is coming in.
[[nodiscard]] Status check_newcomer(const SelfRecord& record, const std::string& name,
                                    const Roster& roster, uint64_t now_ms);

}  // namespace ployz

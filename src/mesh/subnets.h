// Which machine owns which part of the cluster's range: one record (Bucket::meta, "subnets": a JSON
// object subnet → machine id) that is only changed by compare-and-set, so two operators at once
// never give one subnet to two machines.
//
// A claim covers the time until the admission is recorded; a subnet that a machine record or an
// admission names is never given away either, claimed or not. That is why the claims are read
// before the others: whoever finds a claim taken back finds its admission, if there is one.
//
// The subnet of a machine that was removed and does not know it yet is the last to be given away:
// in it that machine asks when it comes back (roster.h, untold).
#pragma once

#include <string>

#include "base/result.h"
#include "model/admission.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

// The lowest free subnet of the cluster's range, now claimed for this machine; the one it has
// claimed, if any. When only those of removed machines are left: that of who was removed first.
// `precondition`: none is free. `conflict`: others were quicker several times.
[[nodiscard]] Result<std::string> claim_subnet(KeyValue& records, Clock& clock,
                                               const NetworkSettings& network,
                                               const MachineId& machine);
// What the machine claims, if anything.
[[nodiscard]] Result<std::optional<std::string>> claimed_subnet(KeyValue& records,
                                                                const MachineId& machine);
// Claims nothing any more; releasing nothing succeeds.
[[nodiscard]] Status release_subnet(KeyValue& records, Clock& clock, const MachineId& machine);
// The subnet of a machine that has it already (the founder's). `conflict`: another one claims it.
[[nodiscard]] Status record_subnet(KeyValue& records, Clock& clock, const std::string& subnet,
                                   const MachineId& machine);

}  // namespace ployz

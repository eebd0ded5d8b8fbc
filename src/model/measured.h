// What an operation cost, from its journal: for the report people and programs get.
#pragma once

#include "base/json.h"
#include "model/operation.h"

namespace ployz {

// Of {"bytes_sent", "rounds", "paused_ms", "write_downtime_ms"} those that apply. Rounds are sends of a
// volume's data; the pause is the longest for which writers stood still for a snapshot; the downtime is
// from the first stop of an instance that writes a volume to the readiness of the last that takes over.
[[nodiscard]] Json measured(const Operation& operation);

}  // namespace ployz

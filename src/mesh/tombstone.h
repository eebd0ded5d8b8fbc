// What is kept of a machine that was removed (Bucket::meta, "removed/<id>"), for good: that its id
// and keys are never admitted again; and, of one that was not told that it is out, how it is told
// when it comes back.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/machine.h"
#include "model/removal_notice.h"
#include "ports/control_store.h"

namespace ployz {

struct Tombstone {
  Machine machine;  // as its record was
  RemovalNotice notice;
  bool told = true;  // it has said that it leaves
  bool operator==(const Tombstone&) const = default;
};

inline constexpr std::string_view kTombstonePrefix = "removed/";

[[nodiscard]] Json to_json(const Tombstone& tombstone);
// Of one that an earlier version made nobody knows the operation, and it counts as told.
[[nodiscard]] Result<Tombstone> tombstone_from_json(const Json& json);

// All of them. `corrupt` or `invalid`: one does not parse.
[[nodiscard]] Result<std::vector<Tombstone>> read_tombstones(KeyValue& records);

}  // namespace ployz

// What a machine that was removed while nobody reached it is told when it comes back, and keeps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"

namespace ployz {

struct RemovalNotice {
  OperationId operation;       // that removed it; `op show` on a member
  uint64_t removed_at_ms = 0;  // by the clock of the machine that did
  bool forced = false;         // by `machine rm --force`
  bool operator==(const RemovalNotice&) const = default;
};

// "machine m3 was removed from network prod at 2026-01-02 03:04:05 UTC, by machine rm --force
// (operation 01…)".
[[nodiscard]] std::string describe(const RemovalNotice& notice, std::string_view machine,
                                   std::string_view network);

[[nodiscard]] Json to_json(const RemovalNotice& notice);
// `invalid` names the field. Fields of a newer machine are ignored.
[[nodiscard]] Result<RemovalNotice> removal_notice_from_json(const Json& json);

}  // namespace ployz

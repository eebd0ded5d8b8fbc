// The requests that travel as JSON: everything one can ask of a namespace except a deploy, which
// travels as a manifest. {"kind": "branch", …the request's fields}.
#pragma once

#include <string_view>
#include <variant>

#include "base/json.h"
#include "base/result.h"
#include "plan/requests.h"

namespace ployz {

using ChangeRequest =
    std::variant<BranchRequest, ForkVolumeRequest, MigrateRequest, PromoteRequest, RollbackRequest,
                 VolumeSnapshotRequest, VolumeRmRequest, VolumePruneRequest>;

[[nodiscard]] std::string_view kind_of(const ChangeRequest& request);
[[nodiscard]] Json to_json(const ChangeRequest& request);
// Strict, names checked: `invalid` names the field.
[[nodiscard]] Result<ChangeRequest> change_request_from_json(const Json& json);

[[nodiscard]] Result<BranchMode> parse_branch_mode(std::string_view text);
[[nodiscard]] Result<Consistency> parse_consistency(std::string_view text);

}  // namespace ployz

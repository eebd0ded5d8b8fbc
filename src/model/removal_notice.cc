#include "model/removal_notice.h"

#include <chrono>
#include <format>

namespace ployz {

std::string describe(const RemovalNotice& notice, std::string_view machine,
                     std::string_view network) {
  const std::chrono::sys_seconds at{std::chrono::seconds(notice.removed_at_ms / 1000)};
  return std::format(
      "machine {} was removed from network {} at {:%F %T} UTC, by machine rm{} "
      "(operation {})",
      machine, network, at, notice.forced ? " --force" : "", notice.operation.str());
}

Json to_json(const RemovalNotice& notice) {
  return {{"operation", notice.operation.str()},
          {"removed_at_ms", notice.removed_at_ms},
          {"forced", notice.forced}};
}

Result<RemovalNotice> removal_notice_from_json(const Json& json) {
  RemovalNotice notice;
  notice.operation = OperationId(TRY(get_string(json, "operation")));
  notice.removed_at_ms = TRY(get_uint(json, "removed_at_ms"));
  notice.forced = TRY(get_bool(json, "forced"));
  return notice;
}

}  // namespace ployz

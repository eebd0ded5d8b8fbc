#include "ports/volume_names.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <string_view>

namespace ployz {
namespace {

constexpr size_t kMaxName = 63;  // a ULID has 26, a migration's rounds add a few

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

Status check_name(std::string_view name, std::string_view what) {
  const auto legal = [](char c) { return is_alphanumeric(c) || c == '_' || c == '-' || c == '.'; };
  if (!name.empty() && name.size() <= kMaxName && is_alphanumeric(name[0]) &&
      std::ranges::all_of(name, legal)) {
    return {};
  }
  return fail(Code::invalid, std::format("'{}' is no {}", name.substr(0, kMaxName), what),
              "[a-z0-9][a-z0-9_.-]{0,62}");
}

Result<uint32_t> parse_number(std::string_view text, int base, uint32_t max) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value > max) {
    return fail(Code::invalid, std::format("'{}' is not a number up to {}", text, max));
  }
  return value;
}

}  // namespace

Status check_dataset_id(const DatasetId& dataset) {
  return check_name(dataset.str(), "dataset id");
}

Status check_snapshot_name(const SnapshotName& snapshot) {
  return check_name(snapshot.str(), "snapshot name");
}

Result<uint32_t> parse_mode(std::string_view mode) {
  return parse_number(mode, 8, 07777);
}

Result<OwnerIds> parse_owner(std::string_view owner) {
  const size_t colon = owner.find(':');
  if (colon == std::string_view::npos) {
    return fail(Code::invalid, std::format("owner '{}' is not uid:gid", owner), "999:999");
  }
  // 2^32-1 means "leave it" to chown(2).
  constexpr uint32_t kMaxId = 0xfffffffe;
  OwnerIds ids;
  ids.uid = TRY(parse_number(owner.substr(0, colon), 10, kMaxId));
  ids.gid = TRY(parse_number(owner.substr(colon + 1), 10, kMaxId));
  return ids;
}

}  // namespace ployz

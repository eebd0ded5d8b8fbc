#include "drivers/zfs/zfs_listing.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <optional>

#include "drivers/zfs/zfs_command.h"
#include "ports/volume_names.h"

namespace ployz {
namespace {

enum Column {
  kName,
  kGuid,
  kCreateTxg,
  kCreation,
  kReferenced,
  kNamespace,
  kVolume,
  kOperation,
  kQuota,
  kMode,
  kOwner,
  kOrigin,
  kState,
  kColumns
};
using Row = std::vector<std::string>;

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<uint64_t> required(const Row& row, Column column) {
  if (const auto value = number(row[column])) return *value;
  return fail(Code::corrupt,
              std::format("zfs list: '{}' of {} is no number", row[column], row[kName]));
}

ZfsDataset read_dataset(const Row& row, const DatasetId& id) {
  ZfsDataset result;
  DatasetSpec& spec = result.dataset.spec;
  spec.id = id;
  spec.name_space = NamespaceName(row[kNamespace]);
  spec.volume = VolumeName(row[kVolume]);
  spec.operation = OperationId(row[kOperation]);
  spec.quota_bytes = number(row[kQuota]);
  spec.mode = row[kMode];
  spec.owner = row[kOwner];
  if (const size_t at = row[kOrigin].find('@'); at != std::string::npos) {
    result.dataset.origin = DatasetOrigin{DatasetId(row[kOrigin].substr(0, at)),
                                          SnapshotName(row[kOrigin].substr(at + 1))};
  }
  result.making = row[kState] == kMaking;
  return result;
}

}  // namespace

Result<std::map<DatasetId, ZfsDataset>> parse_datasets(std::string_view printed,
                                                       std::string_view root) {
  std::map<DatasetId, ZfsDataset> datasets;
  std::map<DatasetId, std::vector<std::pair<uint64_t, DatasetSnapshot>>> snapshots;
  const std::string below = std::string(root) + "/";
  for (const Row& row : zfs_rows(printed)) {
    if (row.size() != kColumns) return fail(Code::corrupt, "zfs list prints other columns");
    if (!row[kName].starts_with(below) || row[kOperation].empty()) continue;
    const std::string_view name = std::string_view(row[kName]).substr(below.size());
    const size_t at = name.find('@');
    const DatasetId id(std::string(name.substr(0, at)));
    if (!check_dataset_id(id)) continue;
    const uint64_t created_at_ms = TRY(required(row, kCreation)) * 1000;
    if (at == std::string_view::npos) {
      ZfsDataset& found = datasets[id] = read_dataset(row, id);
      found.dataset.created_at_ms = created_at_ms;
      found.dataset.used_bytes = TRY(required(row, kReferenced));
      continue;
    }
    const SnapshotName snapshot(std::string(name.substr(at + 1)));
    if (!check_snapshot_name(snapshot)) continue;
    snapshots[id].emplace_back(TRY(required(row, kCreateTxg)),
                               DatasetSnapshot{snapshot, row[kGuid], created_at_ms});
  }
  for (auto& [id, found] : datasets) {
    // Times are in seconds, and a received snapshot has that of its sender: transactions are the
    // order in which they came to be here. Those of one `zfs snapshot` have one number.
    std::ranges::stable_sort(snapshots[id], {}, &std::pair<uint64_t, DatasetSnapshot>::first);
    for (auto& [txg, snapshot] : snapshots[id]) {
      found.dataset.snapshots.push_back(std::move(snapshot));
    }
  }
  return datasets;
}

std::string origin_property(const DatasetOrigin& origin) {
  return std::format("ployz:origin={}@{}", origin.dataset.str(), origin.snapshot.str());
}

std::vector<std::string> spec_properties(const DatasetSpec& spec, const DatasetOrigin* origin,
                                         bool making) {
  std::vector<std::string> arguments;
  const auto set = [&](std::string_view name, std::string_view value) {
    arguments.insert(arguments.end(), {"-o", std::format("ployz:{}={}", name, value)});
  };
  set("namespace", spec.name_space.str());
  set("volume", spec.volume.str());
  set("operation", spec.operation.str());
  set("quota", spec.quota_bytes ? std::to_string(*spec.quota_bytes) : "none");
  set("mode", spec.mode);
  set("owner", spec.owner);
  if (origin) arguments.insert(arguments.end(), {"-o", origin_property(*origin)});
  set("state", making ? kMaking : "ready");
  return arguments;
}

}  // namespace ployz

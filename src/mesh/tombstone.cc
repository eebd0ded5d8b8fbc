#include "mesh/tombstone.h"

namespace ployz {

Json to_json(const Tombstone& tombstone) {
  Json json = to_json(tombstone.notice);
  json["machine"] = to_json(tombstone.machine);
  json["told"] = tombstone.told;
  return json;
}

Result<Tombstone> tombstone_from_json(const Json& json) {
  Tombstone tombstone;
  tombstone.machine = TRY(machine_from_json(TRY(get_object(json, "machine"))));
  if (json.contains("operation")) {
    tombstone.notice = TRY(removal_notice_from_json(json));
    tombstone.told = TRY(get_bool(json, "told"));
  } else {
    tombstone.notice.removed_at_ms = TRY(get_uint(json, "removed_at_ms"));
  }
  return tombstone;
}

Result<std::vector<Tombstone>> read_tombstones(KeyValue& records) {
  std::vector<Tombstone> all;
  for (const Record& record : TRY(records.list(Bucket::meta))) {
    if (!record.key.starts_with(kTombstonePrefix)) continue;
    all.push_back(TRY(parse_json(record.value).and_then(tombstone_from_json)));
  }
  return all;
}

}  // namespace ployz

#include "mesh/revocation.h"

#include <format>
#include <vector>

#include "engine/record_write.h"
#include "mesh/subnets.h"

namespace ployz {
namespace {

constexpr std::string_view kPrefix = "removed/";
// Each round is lost only to somebody who changed this very record.
constexpr int kRounds = 10;

Json to_json(const Tombstone& tombstone) {
  return {{"machine", ployz::to_json(tombstone.machine)},
          {"removed_at_ms", tombstone.removed_at_ms}};
}

Result<Tombstone> tombstone_from_json(const Json& json) {
  Tombstone tombstone;
  tombstone.machine = TRY(machine_from_json(TRY(get_object(json, "machine"))));
  tombstone.removed_at_ms = TRY(get_uint(json, "removed_at_ms"));
  return tombstone;
}

Result<std::vector<Tombstone>> tombstones(KeyValue& records) {
  std::vector<Tombstone> all;
  for (const Record& record : TRY(records.list(Bucket::meta))) {
    if (!record.key.starts_with(kPrefix)) continue;
    all.push_back(TRY(parse_json(record.value).and_then(tombstone_from_json)));
  }
  return all;
}

// Whatever revision it has by now.
Status remove_record(KeyValue& records, Bucket bucket, const MachineId& machine) {
  Status removed;
  for (int round = 0; round < kRounds; ++round) {
    const auto record = TRY(records.get(bucket, machine.str()));
    if (!record) return {};
    removed = records.remove(bucket, machine.str(), record->revision);
    if (removed || removed.error().code != Code::conflict) return removed;
  }
  return removed;
}

}  // namespace

Status revoke(KeyValue& records, Clock& clock, const Machine& machine) {
  const std::string key = std::string(kPrefix) + machine.id.str();
  if (!TRY(records.get(Bucket::meta, key))) {
    const Tombstone tombstone{machine, clock.wall_ms()};
    const auto written =
        write_record(records, clock, Bucket::meta, key, to_text(to_json(tombstone)), 0);
    if (!written && written.error().code != Code::conflict) return fail(written.error());
  }
  TRY(remove_record(records, Bucket::invites, machine.id));
  TRY(remove_record(records, Bucket::machines, machine.id));
  // Last: a subnet that a record names is nobody else's in any case.
  return release_subnet(records, clock, machine.id);
}

Result<std::optional<Tombstone>> find_tombstone(KeyValue& records, std::string_view name_or_id) {
  std::optional<Tombstone> newest;
  for (Tombstone& tombstone : TRY(tombstones(records))) {
    const Machine& machine = tombstone.machine;
    if (machine.name != name_or_id && machine.id.str() != name_or_id) continue;
    if (!newest || newest->removed_at_ms < tombstone.removed_at_ms) newest = std::move(tombstone);
  }
  return newest;
}

Status check_not_removed(KeyValue& records, const SelfRecord& record) {
  for (const Tombstone& tombstone : TRY(tombstones(records))) {
    const Machine& machine = tombstone.machine;
    if (machine.id != record.id && machine.wireguard_public_key != record.wireguard_public_key &&
        machine.nats_public_key != record.nats_public_key) {
      continue;
    }
    return fail(
        Code::denied,
        std::format("machine {} ({}) was removed from the network", machine.name, machine.id.str()),
        "it can come in anew, with new keys; on that host first: ployzctl mesh destroy "
        "--force");
  }
  return {};
}

}  // namespace ployz

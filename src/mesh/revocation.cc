#include "mesh/revocation.h"

#include <format>
#include <vector>

#include "engine/record_write.h"
#include "mesh/subnets.h"

namespace ployz {
namespace {

// Each round is lost only to somebody who changed this very record.
constexpr int kRounds = 10;

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

Status revoke(KeyValue& records, Clock& clock, Tombstone tombstone) {
  const Machine& machine = tombstone.machine;
  const std::string key = std::string(kTombstonePrefix) + machine.id.str();
  if (!TRY(records.get(Bucket::meta, key))) {
    tombstone.notice.removed_at_ms = clock.wall_ms();
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
  for (Tombstone& tombstone : TRY(read_tombstones(records))) {
    const Machine& machine = tombstone.machine;
    if (machine.name != name_or_id && machine.id.str() != name_or_id) continue;
    if (!newest || newest->notice.removed_at_ms < tombstone.notice.removed_at_ms) {
      newest = std::move(tombstone);
    }
  }
  return newest;
}

Status check_not_removed(KeyValue& records, const SelfRecord& record) {
  for (const Tombstone& tombstone : TRY(read_tombstones(records))) {
    const Machine& machine = tombstone.machine;
    if (machine.id != record.id && machine.wireguard_public_key != record.wireguard_public_key &&
        machine.nats_public_key != record.nats_public_key) {
      continue;
    }
    return fail(
        Code::denied,
        std::format("machine {} ({}) was removed from the network", machine.name, machine.id.str()),
        "it can come in anew, with new keys; on that host first: ployzctl mesh destroy "
        "--force --keep-data --yes");
  }
  return {};
}

}  // namespace ployz

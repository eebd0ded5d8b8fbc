#include "mesh/roster.h"

#include <algorithm>
#include <format>
#include <set>

#include "plan/addresses.h"

namespace ployz {
namespace {

// Members first, then live admissions of machines that are none; never `self`, each once.
std::vector<const Machine*> others(const Roster& roster, const MachineId& self, uint64_t now_ms) {
  std::vector<const Machine*> found;
  std::set<MachineId> seen{self};
  for (const Machine& machine : roster.machines) {
    if (seen.insert(machine.id).second) found.push_back(&machine);
  }
  for (const RecordedAdmission& recorded : roster.admissions) {
    const Machine& machine = recorded.admission.machine;
    if (is_live(recorded.admission, now_ms) && seen.insert(machine.id).second) {
      found.push_back(&machine);
    }
  }
  return found;
}

// The driver knows subnets, down to /30; nothing of it is anybody else's.
std::optional<std::string> subnet_around(const std::string& address) {
  const auto parsed = parse_ipv4(address);
  if (!parsed) return std::nullopt;
  return std::format("{}/30", format_ipv4(*parsed & ~uint32_t{3}));
}

void append_removed(std::vector<Peer>& peers, const Roster& roster, uint64_t now_ms) {
  for (const Tombstone& tombstone : untold(roster, now_ms)) {
    const Machine& machine = tombstone.machine;
    const auto subnet = subnet_around(machine.overlay_address);
    const auto has_key = [&](const Peer& peer) {
      return peer.public_key == machine.wireguard_public_key;
    };
    if (!subnet || machine.wireguard_public_key.empty() || std::ranges::any_of(peers, has_key)) {
      continue;
    }
    const bool is_called = now_ms < tombstone.notice.removed_at_ms + kRemovedCalledMs;
    peers.push_back({machine.wireguard_public_key, *subnet,
                     is_called ? machine.endpoints : std::vector<std::string>(), true});
  }
}

}  // namespace

const Machine* Roster::machine(const MachineId& id) const {
  const auto it = std::ranges::find(machines, id, &Machine::id);
  return it == machines.end() ? nullptr : &*it;
}

const RecordedAdmission* Roster::admission(const MachineId& id) const {
  const auto it = std::ranges::find(
      admissions, id, [](const RecordedAdmission& recorded) { return recorded.admission.machine.id; });
  return it == admissions.end() ? nullptr : &*it;
}

const RecordedInvite* Roster::invite(const InviteId& id) const {
  const auto it = std::ranges::find(
      invites, id, [](const RecordedInvite& recorded) { return recorded.invite.id; });
  return it == invites.end() ? nullptr : &*it;
}

bool Roster::includes(const MachineId& id, uint64_t now_ms) const {
  if (machine(id)) return true;
  if (const RecordedInvite* found = invite(InviteId(id.str()))) {
    return is_guest(found->invite, now_ms);
  }
  const RecordedAdmission* recorded = admission(id);
  return recorded && is_live(recorded->admission, now_ms);
}

std::string invite_key(uint16_t guest) { return std::format("guest/{}", guest); }

bool is_live(const Admission& admission, uint64_t now_ms) {
  return admission.expires_at_ms > now_ms;
}

bool keeps_mirrors(const std::vector<Machine>& machines, const MachineId& self,
                   const StoreEpoch& store) {
  constexpr size_t kMirrors = 2;
  std::vector<const Machine*> others;
  for (const Machine& machine : machines) {
    if (!store.includes(machine.id)) others.push_back(&machine);
  }
  std::ranges::sort(others, [](const Machine* a, const Machine* b) {
    return std::pair(a->created_at_ms, a->id) < std::pair(b->created_at_ms, b->id);
  });
  others.resize(std::min(others.size(), kMirrors));
  return std::ranges::contains(others, self, [](const Machine* machine) { return machine->id; });
}

Result<uint64_t> read_store_epoch(KeyValue& records) {
  const auto record = TRY(records.get(Bucket::meta, kStoreEpochKey));
  const auto epoch = record ? parse_json(record->value) : Result<Json>(Json());
  if (epoch && epoch->is_number_unsigned()) return epoch->get<uint64_t>();
  return fail(Code::corrupt, "the store does not say its epoch");
}

Result<Roster> read_roster(KeyValue& records) {
  Roster roster;
  // Admissions first: one that becomes a member meanwhile is then in both lists, never in neither.
  for (const Record& record : TRY(records.list(Bucket::invites))) {
    const auto json = parse_json(record.value);
    if (!json) continue;
    if (auto invite = invite_from_json(*json); invite && record.key == invite_key(invite->guest)) {
      roster.invites.push_back({*std::move(invite), record.revision});
    } else if (auto admission = admission_from_json(*json)) {
      roster.admissions.push_back({*std::move(admission), record.revision});
    }
  }
  for (const Record& record : TRY(records.list(Bucket::machines))) {
    auto machine = parse_json(record.value).and_then(machine_from_json);
    if (machine) roster.machines.push_back(*std::move(machine));
  }
  std::ranges::sort(roster.machines, {}, &Machine::id);
  return roster;
}

Status read_removed(KeyValue& records, Roster& roster) {
  roster.removed.clear();
  for (const Record& record : TRY(records.list(Bucket::meta))) {
    if (!record.key.starts_with(kTombstonePrefix)) continue;
    auto tombstone = parse_json(record.value).and_then(tombstone_from_json);
    if (tombstone) roster.removed.push_back(*std::move(tombstone));
  }
  return {};
}

std::vector<Tombstone> untold(const Roster& roster, uint64_t now_ms) {
  std::set<std::string> taken;
  std::set<MachineId> present;
  const auto take = [&](const Machine& machine) {
    taken.insert(machine.subnet);
    present.insert(machine.id);
  };
  for (const Machine& machine : roster.machines) take(machine);
  for (const RecordedAdmission& recorded : roster.admissions) {
    if (is_live(recorded.admission, now_ms)) take(recorded.admission.machine);
  }
  std::vector<Tombstone> found = roster.removed;
  std::ranges::sort(found, [](const Tombstone& a, const Tombstone& b) {
    return std::pair(b.notice.removed_at_ms, b.machine.id) <
           std::pair(a.notice.removed_at_ms, a.machine.id);
  });
  std::erase_if(found, [&](const Tombstone& tombstone) {
    const Machine& machine = tombstone.machine;
    return tombstone.told || present.contains(machine.id) || !taken.insert(machine.subnet).second;
  });
  if (found.size() > kRemovedPeers) found.resize(kRemovedPeers);
  return found;
}

std::vector<Peer> peers_of(const Roster& roster, const MachineId& self, uint64_t now_ms) {
  std::vector<Peer> peers;
  for (const Machine* machine : others(roster, self, now_ms)) {
    if (machine->wireguard_public_key.empty()) continue;
    peers.push_back({machine->wireguard_public_key, machine->subnet, machine->endpoints});
  }
  for (const RecordedInvite& recorded : roster.invites) {
    const Invite& invite = recorded.invite;
    const auto has_key = [&](const Peer& peer) {
      return peer.public_key == invite.wireguard_public_key;
    };
    if (!is_guest(invite, now_ms) || std::ranges::any_of(peers, has_key)) continue;
    peers.push_back({invite.wireguard_public_key, guest_subnet(invite.guest), {}});
  }
  append_removed(peers, roster, now_ms);
  std::ranges::sort(peers, {}, &Peer::public_key);
  return peers;
}

std::vector<StoreUser> store_users_of(const Roster& roster, const MachineId& self, uint64_t now_ms) {
  std::vector<StoreUser> users;
  for (const Machine* machine : others(roster, self, now_ms)) {
    if (!machine->nats_public_key.empty()) users.push_back({machine->id, machine->nats_public_key});
  }
  std::ranges::sort(users);
  return users;
}

}  // namespace ployz

#include "mesh/admissions.h"

#include <algorithm>
#include <format>

#include "base/ulid.h"
#include "engine/record_write.h"
#include "mesh/member_sync.h"
#include "mesh/newcomer.h"
#include "mesh/revocation.h"
#include "mesh/subnets.h"
#include "plan/addresses.h"

namespace ployz {
namespace {

Result<Machine> machine_of(const SelfRecord& record, const std::string& name,
                           const std::string& subnet, uint64_t now_ms) {
  Machine machine;
  machine.id = record.id;
  machine.name = name;
  machine.subnet = subnet;
  machine.overlay_address = format_ipv4(TRY(parse_subnet(subnet)).network + 1);
  machine.endpoints = record.endpoints;
  machine.nats_public_key = record.nats_public_key;
  machine.wireguard_public_key = record.wireguard_public_key;
  machine.version = record.version;
  machine.created_at_ms = now_ms;
  return machine;
}

Error canceled() { return {Code::canceled, Effect::none, "canceled", "", {}}; }

}  // namespace

Result<NetworkSettings> read_network(KeyValue& records) {
  const auto record = TRY(records.get(Bucket::meta, kNetworkKey));
  if (record) return network_settings_from_json(TRY(parse_json(record->value)));
  return fail(Code::precondition, "the store does not know the network's settings",
              "it was founded by an older Ployz: found it again");
}

void Admissions::note(const Attempt& attempt, std::string text) {
  if (!attempt.events) return;
  attempt.events({attempt.addition.id(), ports_.clock.wall_ms(), Phase::apply, Event::Kind::note,
                  std::move(text)});
}

Result<JoinBundle> Admissions::admit(const SelfRecord& record, const std::string& name,
                                     const MeshEvents& events, std::stop_token cancel) {
  const std::string& called = name.empty() ? record.name : name;
  TRY(check_version_fits(record.version, config_.version));
  TRY(check_clock_skew(record.clock_ms, ports_.clock.wall_ms(), kRecordTransferMs));
  const NetworkSettings network = TRY(read_network(ports_.records));
  TRY(sweep());
  TRY(check_newcomer(record, called, TRY(read_roster(ports_.records)), ports_.clock.wall_ms()));
  TRY(check_not_removed(ports_.records, record));
  if (cancel.stop_requested()) return fail(canceled());
  Attempt attempt = TRY(begin(record, called, events));
  auto bundle = let_in(attempt, record, called, network, cancel);
  if (bundle) return bundle;
  take_back(attempt, record.id, bundle.error());
  return fail(std::move(bundle).error().with("operation", attempt.addition.id().str()));
}

// Goes on with what an earlier try of the same machine left, or begins.
Result<Admissions::Attempt> Admissions::begin(const SelfRecord& record, const std::string& name,
                                              const MeshEvents& events) {
  if (auto left = TRY(unfinished_addition(ports_.records, record.id))) {
    Attempt attempt{{ports_.records, ports_.clock, *std::move(left)}, events};
    TRY(attempt.addition.take_over(config_.self));
    note(attempt, std::format("going on with the admission of machine {}", name));
    return attempt;
  }
  const OperationId id(
      SeededIds(ports_.clock.wall_ms(), ports_.entropy.next_u64()).next());
  Attempt attempt{{ports_.records, ports_.clock, id, config_.self, record.id, name}, events};
  TRY(attempt.addition.save());
  note(attempt, std::format("admitting machine {}", name));
  return attempt;
}

Result<JoinBundle> Admissions::let_in(Attempt& attempt, const SelfRecord& record,
                                      const std::string& name, const NetworkSettings& network,
                                      const std::stop_token& cancel) {
  const std::string subnet =
      TRY(claim_subnet(ports_.records, ports_.clock, network, record.id));
  note(attempt, std::format("subnet {}", subnet));
  const uint64_t now_ms = ports_.clock.wall_ms();
  JoinBundle bundle;
  bundle.network = network;
  bundle.epoch = TRY(read_store_epoch(ports_.records));
  bundle.admission = {TRY(machine_of(record, name, subnet, now_ms)), attempt.addition.id(),
                      now_ms + kAdmissionMs};
  if (cancel.stop_requested()) return fail(canceled());
  TRY(record_admission(attempt, bundle.admission));
  TRY(confirm(bundle.admission));
  attempt.addition.describe_subnet(subnet);
  TRY(attempt.addition.save());
  if (cancel.stop_requested()) return fail(canceled());
  bundle.machines = TRY(read_roster(ports_.records)).machines;
  TRY(sync(bundle.machines, record.id, true));
  if (cancel.stop_requested()) return fail(canceled());
  note(attempt, std::format("{} members let it in", bundle.machines.size()));
  return bundle;
}

Status Admissions::record_admission(Attempt& attempt, const Admission& admission) {
  const std::string& key = admission.machine.id.str();
  const auto found = TRY(ports_.records.get(Bucket::invites, key));
  attempt.admission_revision =
      TRY(write_record(ports_.records, ports_.clock, Bucket::invites, key,
                       to_text(to_json(admission)), found ? found->revision : 0));
  return {};
}

// Two may have looked before either had written: whoever now sees another one of the same name
// gives way, and so does one whose claim was taken back meanwhile.
Status Admissions::confirm(const Admission& admission) {
  const Machine& machine = admission.machine;
  const auto claim = TRY(claimed_subnet(ports_.records, machine.id));
  if (claim != machine.subnet) {
    return fail(Code::conflict, std::format("the claim of subnet {} was taken back", machine.subnet),
                "run the command again");
  }
  SelfRecord record{machine.id,
                    machine.name,
                    machine.version,
                    machine.wireguard_public_key,
                    machine.nats_public_key,
                    {},
                    0};
  return check_newcomer(record, machine.name, TRY(read_roster(ports_.records)),
                        ports_.clock.wall_ms());
}

void Admissions::take_back(Attempt& attempt, const MachineId& machine, const Error& why) {
  Addition& addition = attempt.addition;
  if (!addition.was_taken_over()) (void)addition.enter(Phase::apply, true);
  if (addition.was_taken_over()) {
    // Somebody else works on this machine now; only what nobody else has touched is ours to remove.
    if (attempt.admission_revision != 0) {
      (void)ports_.records.remove(Bucket::invites, machine.str(), attempt.admission_revision);
    }
    const auto admission = ports_.records.get(Bucket::invites, machine.str());
    const auto left = unfinished_addition(ports_.records, machine);
    if (admission && !*admission && left && !*left) {
      (void)release_subnet(ports_.records, ports_.clock, machine);
    }
    return;
  }
  if (!forget_admission(machine)) return;  // it expires, and whoever sweeps then ends the operation
  if (const auto roster = read_roster(ports_.records)) {
    if (attempt.admission_revision != 0) (void)sync(roster->machines, machine, false);
  }
  (void)addition.end(why.code == Code::canceled ? Outcome::aborted : Outcome::failed, why);
}

Status Admissions::forget_admission(const MachineId& machine) {
  if (const auto found = TRY(ports_.records.get(Bucket::invites, machine.str()))) {
    TRY(ports_.records.remove(Bucket::invites, machine.str(), found->revision));
  }
  return release_subnet(ports_.records, ports_.clock, machine);
}

Status Admissions::sync(const std::vector<Machine>& members, const MachineId& machine,
                        bool present) {
  const auto silent = sync_members(ports_.rpc, ports_.clock, members, {machine, present},
                                   config_.sync_again);
  if (silent.empty()) return {};
  std::string text;
  for (const SilentMember& member : silent) {
    text += std::format("; {}: {}", member.name, member.error.message);
  }
  return fail(Code::precondition, "not every member took note: " + text.substr(2),
              "see which answer: ployzctl machine ls");
}

// Ends what is left of earlier admissions: those that expired, and those whose machine became a
// member by a daemon that died before it could say so.
Status Admissions::sweep() {
  const Roster roster = TRY(read_roster(ports_.records));
  const uint64_t now_ms = ports_.clock.wall_ms();
  for (const RecordedAdmission& recorded : roster.admissions) {
    const MachineId& id = recorded.admission.machine.id;
    if (!roster.machine(id) && is_live(recorded.admission, now_ms)) continue;
    const Status removed = ports_.records.remove(Bucket::invites, id.str(), recorded.revision);
    // Renewed meanwhile: then it is not ours to sweep.
    if (!removed && removed.error().code != Code::conflict) return removed;
  }
  for (JournaledOperation& journaled : TRY(unfinished_additions(ports_.records))) {
    TRY(sweep_addition(std::move(journaled), roster));
  }
  return {};
}

Status Admissions::sweep_addition(JournaledOperation journaled, const Roster& roster) {
  const MachineId machine = subject_of(journaled.operation);
  const uint64_t now_ms = ports_.clock.wall_ms();
  const bool joined = roster.machine(machine) != nullptr;
  if (!joined && roster.includes(machine, now_ms)) return {};
  if (!joined && journaled.operation.started_at_ms + kAdmissionMs > now_ms) return {};
  Addition addition(ports_.records, ports_.clock, std::move(journaled));
  Status ended;
  if (joined) {
    ended = addition.end(Outcome::committed);
  } else {
    TRY(addition.take_over(config_.self));
    TRY(forget_admission(machine));
    ended = addition.end(Outcome::failed, Error{Code::timeout, Effect::none,
                                                "nobody completed it in time", "", {}});
  }
  if (!ended && ended.error().code == Code::conflict) return {};  // somebody else swept it
  return ended;
}

Status Admissions::withdraw(const MachineId& machine) {
  const Roster roster = TRY(read_roster(ports_.records));
  if (const Machine* member = roster.machine(machine)) {
    return fail(Code::exists, std::format("machine {} is a member", member->name),
                "a member is removed, not withdrawn");
  }
  std::optional<Addition> addition;
  if (auto found = TRY(unfinished_addition(ports_.records, machine))) {
    addition.emplace(ports_.records, ports_.clock, *std::move(found));
    TRY(addition->take_over(config_.self));
    TRY(addition->enter(Phase::apply, true));
  }
  const bool absent = !addition && !roster.admission(machine);
  TRY(forget_admission(machine));
  if (absent) return {};
  // Those that do not answer notice when they do.
  (void)sync(roster.machines, machine, false);
  if (addition) TRY(addition->end(Outcome::aborted, canceled()));
  return {};
}

}  // namespace ployz

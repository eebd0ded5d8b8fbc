#include "mesh/invites.h"

#include <algorithm>
#include <format>
#include <set>

#include "base/ulid.h"
#include "engine/record_write.h"
#include "mesh/member_sync.h"
#include "mesh/newcomer.h"

namespace ployz {
namespace {

// Each round is lost only to somebody who changed this very record.
constexpr int kRounds = 10;
constexpr auto kAnother = "create another one: ployzctl machine invite create";
// One slow member must not keep an operator from his token.
constexpr auto kTellAgain = std::chrono::milliseconds(0);

Status check_wish(const InviteWish& wish, const Roster& roster) {
  if (wish.ttl_ms < kMinInviteMs || wish.ttl_ms > kMaxInviteMs) {
    return fail(Code::invalid, std::format("an invite lives from {} s to {} h", kMinInviteMs / 1000,
                                           kMaxInviteMs / 3'600'000));
  }
  if (wish.name.empty()) return {};
  TRY(check_dns_label(wish.name, "machine name"));
  for (const Machine& machine : roster.machines) {
    if (machine.name != wish.name) continue;
    return fail(
        Code::exists,
        std::format("the name {} belongs to machine {} already", wish.name, machine.id.str()),
        "choose another one with --name");
  }
  return {};
}

bool is_user(const Invite& invite, const SelfRecord& record) {
  return invite.user && invite.user->machine == record.id &&
         invite.user->wireguard_public_key == record.wireguard_public_key &&
         invite.user->nats_public_key == record.nats_public_key;
}

Status check_usable(const Invite& invite, const SelfRecord& record, uint64_t now_ms) {
  if (invite.state == InviteState::revoked) {
    return fail(Code::denied, std::format("invite {} was revoked", invite.id.str()), kAnother);
  }
  if (invite.state == InviteState::used && !is_user(invite, record)) {
    return fail(Code::denied,
                std::format("invite {} has been used already, by machine {} ({})", invite.id.str(),
                            invite.user->name, invite.user->machine.str()),
                std::format("an invite is for one machine; {}", kAnother));
  }
  if (invite.expires_at_ms <= now_ms) {
    return fail(Code::denied, std::format("invite {} has expired", invite.id.str()), kAnother);
  }
  return {};
}

}  // namespace

Result<RecordedInvite> Invites::find(const InviteId& id) {
  const Roster roster = TRY(read_roster(ports_.records));
  if (const RecordedInvite* found = roster.invite(id)) return *found;
  return fail(Code::not_found, std::format("there is no invite {}", id.str()),
              "list them: ployzctl machine invite list");
}

Result<uint64_t> Invites::write(const Invite& invite, uint64_t revision) {
  return write_record(ports_.records, ports_.clock, Bucket::invites, invite_key(invite.guest),
                      to_text(to_json(invite)), revision);
}

Status Invites::sweep() {
  const uint64_t now_ms = ports_.clock.wall_ms();
  const Roster roster = TRY(read_roster(ports_.records));
  for (const RecordedInvite& recorded : roster.invites) {
    if (is_guest(recorded.invite, now_ms)) continue;
    const Status removed = ports_.records.remove(Bucket::invites, invite_key(recorded.invite.guest),
                                                 recorded.revision);
    // Somebody else swept it, and it may be another one's place by now.
    if (!removed && removed.error().code != Code::conflict) return removed;
  }
  return {};
}

// The lowest place that is free becomes this one's, by a create.
Result<Invite> Invites::take_place(Invite invite) {
  const Roster roster = TRY(read_roster(ports_.records));
  std::set<uint16_t> taken;
  for (const RecordedInvite& recorded : roster.invites) taken.insert(recorded.invite.guest);
  for (uint16_t guest = 0; guest < kGuests; ++guest) {
    if (taken.contains(guest)) continue;
    invite.guest = guest;
    const auto written = write(invite, 0);
    if (written) return invite;
    if (written.error().code != Code::conflict) return fail(written.error());
  }
  return fail(Code::precondition, std::format("there are {} invites already", kGuests),
              "they go some time after they expire: ployzctl machine invite list");
}

Result<std::vector<Machine>> Invites::tell(const Invite& invite) {
  std::vector<Machine> machines = TRY(read_roster(ports_.records)).machines;
  const auto silent = sync_members(ports_.rpc, ports_.clock, machines,
                                   {MachineId(invite.id.str()), true}, kTellAgain);
  std::erase_if(machines, [&](const Machine& machine) {
    return std::ranges::contains(silent, machine.name, &SilentMember::name);
  });
  std::ranges::stable_partition(machines,
                                [&](const Machine& machine) { return machine.id == self_; });
  if (!machines.empty()) return machines;
  return fail(Code::precondition,
              std::format("no machine takes note of the invite: {}", silent.front().error.message),
              "see which answer: ployzctl machine ls");
}

Result<OpenedInvite> Invites::create(const InviteWish& wish) {
  OpenedInvite opened;
  opened.network = TRY(read_network(ports_.records));
  TRY(check_wish(wish, TRY(read_roster(ports_.records))));
  TRY(sweep());
  Invite invite;
  invite.created_at_ms = ports_.clock.wall_ms();
  invite.id = InviteId(SeededIds(invite.created_at_ms, ports_.entropy.next_u64()).next());
  invite.name = wish.name;
  invite.wireguard_public_key = wish.wireguard_public_key;
  invite.nats_public_key = wish.nats_public_key;
  invite.created_by = self_;
  invite.expires_at_ms = invite.created_at_ms + wish.ttl_ms;
  opened.invite = TRY(take_place(std::move(invite)));
  auto machines = tell(opened.invite);
  if (!machines) {
    (void)revoke(opened.invite.id);
    return fail(std::move(machines).error());
  }
  opened.machines = *std::move(machines);
  return opened;
}

Result<std::vector<Invite>> Invites::list() {
  Roster roster = TRY(read_roster(ports_.records));
  std::vector<Invite> invites;
  for (RecordedInvite& recorded : roster.invites) {
    if (is_guest(recorded.invite, ports_.clock.wall_ms())) {
      invites.push_back(std::move(recorded.invite));
    }
  }
  std::ranges::sort(invites, {}, &Invite::id);
  return invites;
}

Result<Invite> Invites::revoke(const InviteId& id) {
  Status last;
  for (int round = 0; round < kRounds; ++round) {
    RecordedInvite found = TRY(find(id));
    Invite& invite = found.invite;
    if (invite.state == InviteState::revoked) return invite;
    const auto user = invite.user;
    if (user && TRY(read_roster(ports_.records)).machine(user->machine)) {
      return fail(Code::conflict,
                  std::format("machine {} came in by invite {}", user->name, id.str()),
                  "a machine is removed: ployzctl machine rm " + user->name);
    }
    invite.state = InviteState::revoked;
    invite.user.reset();
    const auto written = write(invite, found.revision);
    if (!written && written.error().code == Code::conflict) {
      last = fail(written.error());
      continue;
    }
    (void)TRY(Result<uint64_t>(written));
    // Whoever is coming in looks once more after it was admitted (redeem).
    if (user) TRY(ports_.admissions.withdraw(user->machine));
    return invite;
  }
  return fail(last.error());
}

Result<Invite> Invites::import(const Invite& invite) {
  if (invite.expires_at_ms <= ports_.clock.wall_ms()) {
    return fail(Code::precondition, std::format("invite {} has expired", invite.id.str()),
                kAnother);
  }
  TRY(sweep());
  const auto known = find(invite.id);
  if (known) return known->invite;
  if (known.error().code != Code::not_found) return fail(known.error());
  const auto written = write(invite, 0);
  if (!written && written.error().code == Code::conflict) {
    return fail(Code::precondition,
                std::format("another invite has the place of invite {}", invite.id.str()),
                kAnother);
  }
  (void)TRY(Result<uint64_t>(written));
  (void)TRY(tell(invite));
  return invite;
}

// Which of several machines it is, is decided here and nowhere else.
Result<RecordedInvite> Invites::claim(const InviteId& id, const SelfRecord& record) {
  Status last;
  for (int round = 0; round < kRounds; ++round) {
    auto found = find(id);
    if (!found && found.error().code == Code::not_found) found.error().code = Code::denied;
    RecordedInvite claimed = TRY(std::move(found));
    TRY(check_usable(claimed.invite, record, ports_.clock.wall_ms()));
    const std::string& named = claimed.invite.name;
    claimed.invite.state = InviteState::used;
    claimed.invite.user = InviteUser{record.id, named.empty() ? record.name : named,
                                     record.wireguard_public_key, record.nats_public_key};
    claimed.invite.attempt = std::format("{:016x}", ports_.entropy.next_u64());
    const auto written = write(claimed.invite, claimed.revision);
    if (written) {
      claimed.revision = *written;
      return claimed;
    }
    if (written.error().code != Code::conflict) return fail(written.error());
    last = fail(written.error());
  }
  return fail(last.error());
}

// Only while nobody has asked again, and nothing of the machine is left in the network: otherwise
// the invite stays its own.
void Invites::give_back(const RecordedInvite& claimed) {
  const auto admission = ports_.records.get(Bucket::invites, claimed.invite.user->machine.str());
  const auto member = ports_.records.get(Bucket::machines, claimed.invite.user->machine.str());
  if (!admission || *admission || !member || *member) return;
  Invite open = claimed.invite;
  open.state = InviteState::open;
  open.user.reset();
  (void)write(open, claimed.revision);
}

Result<JoinBundle> Invites::redeem(const InviteId& id, const SelfRecord& record,
                                   std::stop_token cancel) {
  TRY(check_clock_skew(record.clock_ms, ports_.clock.wall_ms(), kJoinTransferMs));
  const RecordedInvite claimed = TRY(claim(id, record));
  auto bundle = ports_.admissions.admit(record, claimed.invite.name, {}, std::move(cancel));
  if (!bundle) {
    give_back(claimed);
    return bundle;
  }
  // An operator who revoked it meanwhile may have looked for an admission before there was one.
  const auto now = find(id);
  if (now && is_user(now->invite, record)) return bundle;
  (void)ports_.admissions.withdraw(record.id);
  if (!now) return fail(now.error());
  return fail(
      check_usable(now->invite, record, ports_.clock.wall_ms())
          .error_or(Error{Code::conflict, Effect::none, "the invite was given back", {}, {}}));
}

}  // namespace ployz

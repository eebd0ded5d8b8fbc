// The part of the API that is about invites: here their keys are made and put into tokens, which
// are kept nowhere.
#include <algorithm>
#include <format>

#include "backend.h"
#include "base/nkey.h"
#include "drivers/wireguard/wireguard_key.h"
#include "mesh/invites.h"

namespace ployz {
namespace {

InviteReport report_of(const Invite& invite, Clock& clock) {
  return {invite, std::string(describe_state(invite, clock.wall_ms()))};
}

// Machines that a newcomer can call. Behind a NAT, with no endpoint of its own, none can.
Result<std::vector<TokenMachine>> to_ask(const OpenedInvite& opened) {
  std::vector<TokenMachine> machines;
  for (const Machine& machine : opened.machines) {
    if (machine.endpoints.empty() || machines.size() == kMaxTokenMachines) continue;
    TokenMachine known{machine.id, machine.overlay_address, machine.wireguard_public_key,
                       machine.nats_public_key, machine.endpoints};
    known.endpoints.resize(std::min(known.endpoints.size(), kMaxTokenEndpoints));
    machines.push_back(std::move(known));
  }
  if (!machines.empty()) return machines;
  return fail(Code::precondition, "no machine of the network has an address to be called at",
              "see them: ployzctl machine ls");
}

// Of this network, and not of another one by that name.
Status check_network(const JoinToken& token, const Identity& identity, const Roster& roster) {
  const bool known = std::ranges::any_of(token.machines, [&](const TokenMachine& named) {
    const Machine* machine = roster.machine(named.id);
    return machine && machine->nats_public_key == named.nats_public_key;
  });
  if (known && token.network == identity.network) return {};
  return fail(Code::denied, std::format("the join token is of another network, {}", token.network),
              "ployzctl mesh status shows this machine's");
}

}  // namespace

Result<InviteReport> Backend::invite_create(const InviteRequest& request) {
  const auto member = TRY(node_.member());
  const std::string wireguard = generate_wireguard_key();
  const Nkey nats = Nkey::generate();
  const OpenedInvite opened = TRY(member->invites().create(
      {request.name, request.ttl_ms, TRY(wireguard_public_key(wireguard)), nats.public_key()}));
  auto machines = to_ask(opened);
  if (!machines) {
    (void)member->invites().revoke(opened.invite.id);
    return fail(std::move(machines).error());
  }
  InviteReport report = report_of(opened.invite, node_.drivers().clock);
  report.token =
      encode_join_token({opened.network.name, opened.network.cluster_cidr, opened.invite.id,
                         opened.invite.name, opened.invite.guest, opened.invite.expires_at_ms,
                         wireguard, nats.seed(), *std::move(machines)});
  return report;
}

Result<std::vector<InviteReport>> Backend::invites() {
  const Reading from = TRY(reading());
  std::vector<InviteReport> reports;
  for (const Invite& invite : TRY(from.store.invites.list())) {
    reports.push_back(report_of(invite, node_.drivers().clock));
  }
  return reports;
}

Result<InviteReport> Backend::invite_revoke(const InviteId& id) {
  return report_of(TRY(TRY(node_.member())->invites().revoke(id)), node_.drivers().clock);
}

Result<InviteReport> Backend::invite_import(const JoinToken& token) {
  const auto member = TRY(node_.member());
  TRY(check_network(token, member->identity(), TRY(read_roster(member->records()))));
  Invite invite;
  invite.id = token.invite;
  invite.name = token.name;
  invite.guest = token.guest;
  invite.wireguard_public_key = TRY(wireguard_public_key(token.wireguard_private_key));
  invite.nats_public_key = TRY(Nkey::from_seed(token.nats_seed)).public_key();
  invite.created_by = member->identity().machine.id;
  invite.created_at_ms = node_.drivers().clock.wall_ms();
  invite.expires_at_ms = token.expires_at_ms;
  return report_of(TRY(member->invites().import(invite)), node_.drivers().clock);
}

Result<MeshReport> Backend::mesh_join_by_token(const JoinToken& token, const EventSink& events) {
  const bool created = TRY(node_.join_by_token(token, progress_to(events)));
  MeshReport report = TRY(mesh());
  report.created = created;
  return report;
}

}  // namespace ployz

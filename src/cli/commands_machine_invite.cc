// machine invite: a machine comes in by itself, with a token that somebody carries there.
#include <format>

#include "cli/commands.h"
#include "cli/lifetime.h"
#include "cli/render.h"
#include "cli/token_arg.h"
#include "model/invite.h"

namespace ployz::cli {
namespace {

std::string user_of(const Json& invite) {
  const Json& machine = object_of(invite, "machine");
  return text_of(machine, "name").empty() ? "-" : text_of(machine, "name");
}

std::string named(const Json& invite) {
  return text_of(invite, "name").empty() ? "(its host name)" : text_of(invite, "name");
}

Result<uint64_t> ttl_of(const Args& args) {
  if (!args.has("ttl-secs")) return lifetime_of(args, "ttl", kInviteMs, kMaxInviteMs);
  if (args.has("ttl")) {
    return fail(Code::invalid, "--ttl and --ttl-secs exclude each other", "choose one");
  }
  return TRY(args.number("ttl-secs", 0, kMaxInviteMs / 1000)) * 1000;
}

Result<Answer> run_create(Session& session, const Args& args) {
  InviteRequest request{args.get("name"), TRY(ttl_of(args))};
  if (!request.name.empty()) TRY(check_dns_label(request.name, "machine name"));
  const auto* client = TRY(session.client());
  Json document = TRY(client->invite_create(request));
  const Json& invite = object_of(document, "invite");
  session.progress(std::format(
      "invite {} for one machine, {}; good until {}. On that machine:", text_of(invite, "id"),
      named(invite), format_time(number_of(invite, "expires_at_ms"))));
  session.progress(
      "  ployzctl daemon install, then ployzctl mesh join --token-stdin, and give it this:");
  std::string text = text_of(document, "token") + "\n";
  return Answer{std::move(document), std::move(text)};
}

Result<Answer> run_list(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->invites());
  Table table({"ID", "STATE", "NAME", "EXPIRES", "MACHINE"});
  for (const Json& invite : list_of(document, "invites")) {
    table.row({text_of(invite, "id"), text_of(invite, "state"), named(invite),
               format_time(number_of(invite, "expires_at_ms")), user_of(invite)});
  }
  return Answer{std::move(document), table.render(session.style())};
}

Result<Answer> run_revoke(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->invite_revoke(args.get("ID")));
  return Answer{std::move(document), "revoked: nobody comes in by it any more\n"};
}

Result<Answer> run_import(Session& session, const Args& args) {
  const auto token = TRY(token_of(session, args));
  const auto* client = TRY(session.client());
  Json document = TRY(client->invite_import(token));
  const Json& invite = object_of(document, "invite");
  auto text = std::format("invite {} is {}\n", text_of(invite, "id"), text_of(invite, "state"));
  return Answer{std::move(document), std::move(text)};
}

CommandSpec create_command() {
  return {
      .name = "create",
      .summary = "A token by which one machine comes in",
      .description =
          "The token goes to stdout, once: nobody keeps it. Whoever has it can become a "
          "machine of this network,\nuntil it was used, is revoked or has expired. It is used on "
          "the new machine, which needs to reach one\nof this network's on UDP 51820; nobody "
          "needs to reach it over ssh.",
      .examples = {"ployzctl machine invite create",
                   "ployzctl machine invite create --name web-1 --ttl 15m",
                   "ployzctl machine invite create -q | ssh root@192.0.2.7 ployzctl mesh join "
                   "--token-stdin"},
      .options = {{"name", 0, "NAME", "of the machine, instead of its host name"},
                  {"ttl", 0, "TIME", "how long it is good, up to 24h (1h)"},
                  {"ttl-secs", 0, "SECONDS", "the same in seconds"}},
      .run = run_create};
}

}  // namespace

CommandSpec machine_invite_command() {
  return {
      .name = "invite",
      .summary = "Machines that come in by themselves, with a token instead of ssh",
      .examples = {"ployzctl machine invite create", "ployzctl machine invite list"},
      .children = {create_command(),
                   {.name = "list",
                    .summary = "Invites, and who came by them",
                    .description = "Those that have expired are listed for ten more minutes. "
                                   "Tokens are not shown.",
                    .examples = {"ployzctl machine invite list"},
                    .run = run_list,
                    .aliases = {"ls"}},
                   {.name = "revoke",
                    .summary = "Nobody comes in by this invite any more",
                    .description = "Who is on the way is sent back. Refused when a machine is a "
                                   "member by it.",
                    .examples = {"ployzctl machine invite revoke 01arz3ndektsv4rrffq69g5fav"},
                    .positionals = {{"ID", "of the invite", true, false, Names::invite}},
                    .run = run_revoke},
                   {.name = "import",
                    .summary = "Make a token good that the network's store has forgotten",
                    .description =
                        "For tokens made shortly before machine storage recover, which may lose "
                        "the last writes. Refused\nfor another network's token and for an expired "
                        "one; an invite that is known stays as it is.",
                    .examples = {"cat token | ployzctl machine invite import --token-stdin"},
                    .options = token_options(),
                    .run = run_import}}};
}

}  // namespace ployz::cli

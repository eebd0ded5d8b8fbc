// machine: the machines of the network, asked live; and hosts that become machines.
#include <filesystem>
#include <format>

#include "cli/commands.h"
#include "cli/machine_add.h"
#include "cli/machine_rtt.h"
#include "cli/remote_install.h"
#include "cli/render.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

std::string machine_state(const Json& report) {
  return flag_of(report, "reachable") ? text_of(object_of(report, "machine"), "state")
                                      : "SILENT: " + text_of(object_of(report, "error"), "message");
}

// "192.0.2.7:51820, 12 s ago": where its tunnel leads, and when it last shook hands.
std::string tunnel_text(const Json& report) {
  if (flag_of(report, "self")) return "this machine";
  auto endpoint = text_of(report, "endpoint");
  if (endpoint.empty()) endpoint = "no endpoint yet";
  const auto age = report.find("handshake_age_ms");
  if (age == report.end() || !age->is_number_unsigned()) return endpoint + ", no handshake";
  return std::format("{}, {} ago", endpoint, format_duration(age->get<uint64_t>()));
}

Result<Answer> run_ls(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->machines());
  Table table({"NAME", "STATE", "SUBNET", "ENDPOINT", "RTT", "VERSION", "STORE", "INSTANCES"});
  for (const Json& report : list_of(document, "machines")) {
    const Json& machine = object_of(report, "machine");
    const bool reachable = flag_of(report, "reachable");
    table.row({text_of(machine, "name"), machine_state(report), text_of(machine, "subnet"),
               tunnel_text(report),
               reachable && number_of(report, "round_trip_us") > 0
                   ? format_microseconds(number_of(report, "round_trip_us"))
                   : "-",
               text_of(reachable ? object_of(report, "facts") : machine, "version"),
               flag_of(machine, "stores") ? "yes" : "no",
               reachable
                   ? std::format("{}", list_of(object_of(report, "facts"), "instances").size())
                   : "?"});
  }
  return Answer{std::move(document), table.render(session.style())};
}

Result<Answer> run_inspect(Session& session, const Args& args) {
  const auto wanted = args.get("MACHINE");
  const auto* client = TRY(session.client());
  const Json document = TRY(client->machines());
  for (const Json& report : list_of(document, "machines")) {
    const Json& machine = object_of(report, "machine");
    if (text_of(machine, "name") != wanted && text_of(machine, "id") != wanted) continue;
    const Json& facts = object_of(report, "facts");
    const bool known = flag_of(report, "reachable");
    const auto fact = [&](std::string text) { return known ? text : std::string("unknown"); };
    const auto text =
        render_fields({{"name", text_of(machine, "name")},
                       {"id", text_of(machine, "id")},
                       {"state", machine_state(report)},
                       {"subnet", text_of(machine, "subnet")},
                       {"overlay address", text_of(machine, "overlay_address")},
                       {"tunnel", tunnel_text(report)},
                       {"stores the control plane", flag_of(machine, "stores") ? "yes" : "no"},
                       {"version", text_of(known ? facts : machine, "version")},
                       {"memory free", fact(format_bytes(number_of(facts, "memory_free_bytes")))},
                       {"disk free", fact(format_bytes(number_of(facts, "disk_free_bytes")))},
                       {"router answers", fact(flag_of(facts, "router_answers") ? "yes" : "no")},
                       {"instances", fact(std::format("{}", list_of(facts, "instances").size()))}},
                      session.style());
    return Answer{part_of(document, report), text};
  }
  return fail(Code::not_found, std::format("no machine '{}'", wanted), "ployzctl machine ls");
}

Result<Answer> run_rtt(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->machine_rtt());
  const Json machines = TRY(client->machines());
  auto text = render_rtt(document, machines, session.style());
  return Answer{std::move(document), std::move(text)};
}

// What machine add and machine init have in common.
Result<AddWish> add_wish(Session& session, const Args& args, SshTarget target) {
  AddWish wish;
  wish.network = args.get("network");
  if (wish.network.empty())
    return fail(Code::invalid, "--network is missing", "ployzctl mesh status shows its name");
  TRY(check_dns_label(wish.network, "network name"));
  wish.name = args.get("name");
  if (!wish.name.empty()) TRY(check_dns_label(wish.name, "machine name"));
  target.identity = args.get("identity");
  std::error_code ignored;
  if (!target.identity.empty() && !std::filesystem::is_regular_file(target.identity, ignored))
    return fail(Code::invalid, std::format("there is no key {}", target.identity));
  target.port = static_cast<uint16_t>(TRY(args.number("port", 0, 65535)));
  wish.package = TRY(find_package(session, args.get("package")));
  wish.hosts = args.all("HOST");
  for (const auto& host : wish.hosts) {
    TRY(check_destination(host));
    if (std::ranges::count(wish.hosts, host) > 1)
      return fail(Code::invalid, std::format("{} is given twice", host));
  }
  wish.reach = [&host = session.host(), target](const std::string& destination) {
    auto one = target;
    one.destination = destination;
    return ssh_host(host, one);
  };
  return wish;
}

Result<Answer> run_add(Session& session, const Args& args) {
  const auto connections = TRY(SshConnections::make(session.host()));
  const auto wish = TRY(add_wish(session, args, {{}, {}, 0, connections->folder()}));
  if (!wish.name.empty() && wish.hosts.size() > 1)
    return fail(Code::invalid, "--name with several hosts", "without it they keep their own names");
  return add_machines(session, wish);
}

Result<Answer> run_init(Session& session, const Args& args) {
  const auto connections = TRY(SshConnections::make(session.host()));
  return init_machine(session, TRY(add_wish(session, args, {{}, {}, 0, connections->folder()})));
}

std::vector<OptionSpec> ssh_options(std::string network) {
  return {{"network", 0, "NAME", std::move(network)},
          {"identity", 'i', "KEY", "private key for ssh", false, {}, Names::file},
          {"port", 0, "PORT", "of the ssh server"},
          {"package",
           0,
           "FILE",
           "ployz.deb; else PLOYZ_PACKAGE, else /usr/share/ployz/ployz.deb",
           false,
           {},
           Names::file}};
}

CommandSpec add_command() {
  auto options = ssh_options("required: what they join");
  options.push_back({"name", 0, "NAME", "of the machine, instead of its host name"});
  return {.name = "add",
          .summary = "Hosts become machines of the network, over ssh",
          .description =
              "Looks at every host first and lists all that is in the way; then nothing was "
              "changed. Installs Ployz\nby apt, joins the overlay and the control plane, proves "
              "that all of it works, and returns when the\nmachines are active. A failure or "
              "Ctrl-C takes everything back, or says what stays; the same command\nagain goes "
              "on. Your ssh configuration and known hosts count; passwords are not asked for.",
          .examples = {"ployzctl machine add --network prod root@192.0.2.7",
                       "ployzctl machine add --network prod --identity ~/.ssh/fleet "
                       "admin@web1.example.com admin@web2.example.com"},
          .options = std::move(options),
          .positionals = {{"HOST", "user@host", true, true, Names::nothing, true}},
          .run = run_add};
}

CommandSpec init_command() {
  return {.name = "init",
          .summary = "A host founds a network, over ssh",
          .description = "As machine add, for the first machine of a network.",
          .examples = {"ployzctl machine init --network prod root@192.0.2.7"},
          .options = ssh_options("required: its name"),
          .positionals = {{"HOST", "user@host"}},
          .run = run_init};
}

}  // namespace

CommandSpec machine_command() {
  return {
      .name = "machine",
      .summary = "The machines of the network",
      .examples = {"ployzctl machine ls", "ployzctl machine add --network prod root@192.0.2.7"},
      .children = {{.name = "ls",
                    .summary = "Every machine, asked live",
                    .description = "A machine that does not answer is listed with the reason.",
                    .examples = {"ployzctl machine ls"},
                    .run = run_ls,
                    .aliases = {"list"}},
                   {.name = "inspect",
                    .summary = "One machine and what it says of itself",
                    .examples = {"ployzctl machine inspect m1"},
                    .positionals = {{"MACHINE", "name or id", true, false, Names::machine}},
                    .run = run_inspect},
                   add_command(),
                   init_command(),
                   machine_invite_command(),
                   machine_rm_command(),
                   machine_drain_command(),
                   machine_storage_command(),
                   machine_update_command(),
                   machine_standby_command(),
                   machine_activate_command(),
                   {.name = "rtt",
                    .summary = "Round trips between all machines over the overlay, measured now",
                    .description = "Median and deviation; a table of pairs for up to 8 "
                                   "machines, a list beyond.",
                    .examples = {"ployzctl machine rtt"},
                    .run = run_rtt}}};
}

}  // namespace ployz::cli

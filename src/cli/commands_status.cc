// status, ps, machine, mesh: what there is, asked live.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

Result<Answer> run_status(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json status = TRY(client->status());
  const auto network = text_of(status, "network");
  const auto& machine = object_of(status, "machine");
  std::string unfinished;
  for (const Json& id : list_of(status, "unfinished"))
    if (id.is_string()) unfinished += (unfinished.empty() ? "" : ", ") + id.get<std::string>();
  Answer answer;
  answer.text = render_fields(
      {{"network", network.empty() ? "none (ployzctl mesh init NAME)" : network},
       {"machine", machine.empty() ? "-"
                                   : std::format("{} ({})", text_of(machine, "name"),
                                                 text_of(machine, "overlay_address"))},
       {"daemon", std::format("ployzd {}, up since {}", text_of(status, "version"),
                              format_time(number_of(status, "started_at_ms")))},
       {"namespaces", text_of(status, "namespaces")},
       {"instances", text_of(status, "instances")},
       {"unfinished operations", unfinished.empty() ? "none" : unfinished}},
      session.style());
  Table table({"COMPONENT", "STATE", "DETAIL"});
  bool healthy = true;
  for (const Json& component : list_of(status, "components")) {
    healthy = healthy && flag_of(component, "healthy");
    table.row({text_of(component, "name"), flag_of(component, "healthy") ? "ok" : "FAILED",
               text_of(component, "detail")});
  }
  if (!table.empty()) answer.text += "\n" + table.render(session.style());
  answer.exit_code = healthy ? 0 : 1;
  answer.document = std::move(status);
  return answer;
}

Result<Answer> run_ps(Session& session, const Args& args) {
  const auto name = args.get("NAMESPACE");
  if (!name.empty()) TRY(check_dns_label(name, "namespace name"));
  const auto* client = TRY(session.client());
  Json document = TRY(client->instances(name));
  Table table(
      {"NAMESPACE", "SERVICE", "INSTANCE", "MACHINE", "ADDRESS", "STATE", "STARTED", "IMAGE"});
  for (const Json& instance : list_of(document, "instances")) {
    auto state = text_of(instance, "state");
    if (state == "exited") state += std::format(" ({})", text_of(instance, "exit_code"));
    if (!flag_of(instance, "committed")) state += ", not in the commit";
    table.row({text_of(instance, "namespace"), text_of(instance, "service"),
               text_of(instance, "id"), text_of(instance, "machine_name"),
               text_of(instance, "address"), state,
               format_age(number_of(instance, "started_at_ms"), session.host().now_ms()),
               text_of(instance, "image")});
  }
  Answer answer{std::move(document), table.render(session.style())};
  if (table.empty() && !session.style().plain) answer.text = "no instances\n";
  return answer;
}

std::string machine_state(const Json& report) {
  return flag_of(report, "reachable") ? text_of(object_of(report, "machine"), "state")
                                      : "SILENT: " + text_of(object_of(report, "error"), "message");
}

Result<Answer> run_machine_ls(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->machines());
  Table table({"NAME", "STATE", "SUBNET", "STORE", "INSTANCES", "ROUND TRIP", "VERSION"});
  for (const Json& report : list_of(document, "machines")) {
    const Json& machine = object_of(report, "machine");
    table.row(
        {text_of(machine, "name"), machine_state(report), text_of(machine, "subnet"),
         flag_of(machine, "stores") ? "yes" : "no",
         std::format("{}", list_of(object_of(report, "facts"), "instances").size()),
         std::format("{:.1f} ms", static_cast<double>(number_of(report, "round_trip_us")) / 1000),
         text_of(machine, "version")});
  }
  return Answer{std::move(document), table.render(session.style())};
}

Result<Answer> run_machine_inspect(Session& session, const Args& args) {
  const auto wanted = args.get("MACHINE");
  const auto* client = TRY(session.client());
  const Json document = TRY(client->machines());
  for (const Json& report : list_of(document, "machines")) {
    const Json& machine = object_of(report, "machine");
    if (text_of(machine, "name") != wanted && text_of(machine, "id") != wanted) continue;
    const Json& facts = object_of(report, "facts");
    const auto text =
        render_fields({{"name", text_of(machine, "name")},
                       {"id", text_of(machine, "id")},
                       {"state", machine_state(report)},
                       {"subnet", text_of(machine, "subnet")},
                       {"overlay address", text_of(machine, "overlay_address")},
                       {"stores the control plane", flag_of(machine, "stores") ? "yes" : "no"},
                       {"version", text_of(machine, "version")},
                       {"memory free", format_bytes(number_of(facts, "memory_free_bytes"))},
                       {"disk free", format_bytes(number_of(facts, "disk_free_bytes"))},
                       {"router answers", flag_of(facts, "router_answers") ? "yes" : "no"},
                       {"instances", std::format("{}", list_of(facts, "instances").size())}},
                      session.style());
    return Answer{report, text};
  }
  return fail(Code::not_found, std::format("no machine '{}'", wanted), "ployzctl machine ls");
}

std::string mesh_text(const Json& mesh, const Style& style) {
  std::string missing;
  for (const Json& item : list_of(mesh, "not_ready"))
    if (item.is_string()) missing += (missing.empty() ? "" : "; ") + item.get<std::string>();
  return render_fields(
      {{"network", text_of(mesh, "name")},
       {"ready", missing.empty() ? "yes" : "no: " + missing},
       {"machines", text_of(mesh, "machines")},
       {"store", std::format("{} machines, epoch {}", text_of(mesh, "store_machines"),
                             text_of(mesh, "epoch"))},
       {"addresses", text_of(mesh, "cluster_cidr")},
       {"dns domain", text_of(mesh, "cluster_domain")},
       {"gateway domain", text_of(mesh, "gateway_domain")},
       {"gateway", text_of(mesh, "gateway_address")}},
      style);
}

Result<Answer> run_mesh_init(Session& session, const Args& args) {
  auto name = args.get("NAME");
  if (args.has("name-stdin")) {
    if (!name.empty())
      return fail(Code::invalid, "NAME and --name-stdin exclude each other", "choose one");
    name = TRY(session.host().read_stdin(1024));
    name.erase(name.find_last_not_of(" \t\r\n") + 1);
  }
  if (name.empty()) return fail(Code::invalid, "NAME is missing", "ployzctl mesh init --help");
  TRY(check_dns_label(name, "network name"));
  Json mesh =
      TRY(session.change([&](const ApiClient& client,
                             const EventSink& events) { return client.mesh_init({name}, events); },
                         false));
  return Answer{mesh, std::format("network {}: {}\n", name, text_of(mesh, "outcome")) +
                          mesh_text(mesh, session.style())};
}

Result<Answer> run_mesh_status(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json mesh = TRY(client->mesh());
  return Answer{mesh, mesh_text(mesh, session.style())};
}

Result<Answer> run_mesh_ready(Session& session, const Args&) {
  auto answer = TRY(run_mesh_status(session, {}));
  answer.exit_code = flag_of(answer.document, "ready") ? 0 : 1;
  return answer;
}

// The networks of the contexts this operator has.
Result<Answer> run_mesh_list(Session& session, const Args&) {
  const auto contexts = TRY(session.contexts());
  Table table({"CONTEXT", "NETWORK", "STATE"});
  Json list = Json::array();
  for (const auto& [name, entry] : contexts.entries) {
    const auto* client = TRY(session.client_of(entry));
    const auto status = client->status();
    const auto network = status ? text_of(*status, "network") : "";
    const auto state = status ? "up" : status.error().message;
    table.row({name, network.empty() ? "-" : network, state});
    list.push_back({{"context", name}, {"network", network}, {"up", status.has_value()}});
  }
  return Answer{{{"networks", std::move(list)}}, table.render(session.style())};
}

}  // namespace

CommandSpec status_command() {
  return {.name = "status",
          .summary = "Is this machine's part of the cluster healthy",
          .description = "Exit code 1 when a component is not.",
          .examples = {"ployzctl status", "ployzctl status --json"},
          .run = run_status};
}

CommandSpec ps_command() {
  return {.name = "ps",
          .summary = "Instances, asked for live",
          .examples = {"ployzctl ps", "ployzctl ps shop"},
          .positionals = {{"NAMESPACE", "only of this one", false, false, Names::name_space}},
          .run = run_ps};
}

CommandSpec machine_command() {
  return {.name = "machine",
          .summary = "The machines of the network",
          .examples = {"ployzctl machine ls"},
          .children = {{.name = "ls",
                        .summary = "Every machine, asked live",
                        .examples = {"ployzctl machine ls"},
                        .run = run_machine_ls,
                        .aliases = {"list"}},
                       {.name = "inspect",
                        .summary = "One machine and what it says of itself",
                        .examples = {"ployzctl machine inspect m1"},
                        .positionals = {{"MACHINE", "name or id", true, false, Names::machine}},
                        .run = run_machine_inspect}}};
}

CommandSpec mesh_command() {
  return {.name = "mesh",
          .summary = "The network",
          .examples = {"ployzctl mesh init dev-local"},
          .children = {{.name = "init",
                        .summary = "Found a network with this machine as its first",
                        .description =
                            "Repeated with the same name it changes nothing, or finishes what a "
                            "crash left.",
                        .examples = {"ployzctl mesh init dev-local",
                                     "echo prod | ployzctl mesh init "
                                     "--name-stdin"},
                        .options = {{"name-stdin", 0, "", "read the name from stdin"}},
                        .positionals = {{"NAME", "of the network", false}},
                        .run = run_mesh_init},
                       {.name = "status",
                        .summary = "The network this machine belongs to",
                        .examples = {"ployzctl mesh status"},
                        .run = run_mesh_status},
                       {.name = "list",
                        .summary = "The networks of all contexts",
                        .examples = {"ployzctl mesh list"},
                        .run = run_mesh_list,
                        .aliases = {"ls"}},
                       {.name = "ready",
                        .summary = "Exit code 0 when the network can be deployed to, else 1",
                        .examples = {"ployzctl mesh ready && ployzctl deploy -f shop.toml"},
                        .run = run_mesh_ready}},
          .aliases = {"network"}};
}

}  // namespace ployz::cli

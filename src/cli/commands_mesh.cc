// mesh: the network, and this machine's place in it.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"
#include "cli/token_arg.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

// A bundle of 200 machines is about 100 KiB.
constexpr size_t kMaxBundleBytes = 4 << 20;

std::string mesh_text(const Json& mesh, const Style& style) {
  const std::string missing = joined(list_of(mesh, "not_ready"), "; ");
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

Result<Answer> run_self_record(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json record = TRY(client->self_record());
  const std::string endpoints = joined(list_of(record, "endpoints"));
  auto text = render_fields({{"id", text_of(record, "id")},
                             {"name", text_of(record, "name")},
                             {"version", text_of(record, "version")},
                             {"endpoints", endpoints},
                             {"wireguard key", text_of(record, "wireguard_public_key")},
                             {"nats key", text_of(record, "nats_public_key")}},
                            session.style());
  return Answer{std::move(record), std::move(text)};
}

Result<Answer> run_join_by_token(Session& session, const Args& args) {
  const auto token = TRY(token_of(session, args));
  Json mesh = TRY(session.change(
      [&](const ApiClient& client, const EventSink& events) {
        return client.mesh_join_by_token(token, events);
      },
      false));
  return Answer{mesh, mesh_text(mesh, session.style())};
}

Result<Answer> run_join(Session& session, const Args& args) {
  if (has_token(args)) {
    if (!args.has("bundle-stdin")) return run_join_by_token(session, args);
    return fail(Code::invalid, "a join token and --bundle-stdin exclude each other", "choose one");
  }
  if (!args.has("bundle-stdin"))
    return fail(Code::invalid, "the join token is missing",
                "on a machine of the network: ployzctl machine invite create; then here: ployzctl "
                "mesh join --token-stdin");
  const auto text = TRY(session.host().read_stdin(kMaxBundleBytes));
  const Json bundle = TRY(parse_json(text));
  TRY(join_bundle_from_json(bundle));
  Json mesh =
      TRY(session.change([&](const ApiClient& client,
                             const EventSink& events) { return client.mesh_join(bundle, events); },
                         false));
  return Answer{mesh, mesh_text(mesh, session.style())};
}

Result<Answer> run_stop(Session& session, const Args& args) {
  const bool force = args.has("force");
  Json document = TRY(
      session.change([&](const ApiClient& client,
                         const EventSink& events) { return client.mesh_stop(force, events); },
                     false));
  const bool changed = text_of(document, "outcome") == "stopped";
  return Answer{std::move(document), changed ? "stopped; ployzctl mesh start undoes it\n"
                                             : "it was stopped already\n"};
}

Result<Answer> run_start(Session& session, const Args&) {
  Json document = TRY(session.change(
      [&](const ApiClient& client, const EventSink& events) { return client.mesh_start(events); },
      false));
  const bool changed = text_of(document, "outcome") == "started";
  return Answer{std::move(document), changed ? "this machine serves again\n" : "it runs\n"};
}

Result<Answer> run_destroy(Session& session, const Args& args) {
  if (!args.has("yes"))
    return fail(Code::invalid, "this machine would leave its network and lose what it keeps of it",
                "add --yes");
  const bool force = args.has("force");
  const bool keep_data = args.has("keep-data");
  Json document = TRY(session.change(
      [&](const ApiClient& client, const EventSink& events) {
        return client.mesh_destroy(force, keep_data, events);
      },
      false));
  return Answer{std::move(document), "this machine belongs to no network\n"};
}

CommandSpec join_command() {
  auto options = token_options();
  options.push_back({"bundle-stdin", 0, "", "what machine add sends to the host it adds"});
  return {.name = "join",
          .summary = "This machine joins a network, with a token of machine invite create",
          .description =
              "Asks one of the network's machines to be let in, joins overlay and control plane, "
              "and returns when it is\nactive there. A token is good for one machine: repeated on "
              "this one, the command goes on where it was cut\noff; on any other it is refused.",
          .examples = {"cat token | ployzctl mesh join --token-stdin",
                       "ployzctl mesh join --token-file /run/token"},
          .options = std::move(options),
          .run = run_join};
}

}  // namespace

CommandSpec mesh_command() {
  return {.name = "mesh",
          .summary = "The network",
          .examples = {"ployzctl mesh init dev-local", "ployzctl mesh status"},
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
                        .run = run_mesh_init,
                        .aliases = {"create"}},
                       {.name = "self-record",
                        .summary = "What this machine says of itself to a network it may join",
                        .description = "Its keys are made when there are none; they stay here.",
                        .examples = {"ployzctl mesh self-record --json"},
                        .run = run_self_record},
                       join_command(),
                       {.name = "stop",
                        .summary = "Stop this machine's part of the network, tunnel included",
                        .description = "Until mesh start, over restarts too. Refused while it runs "
                                       "instances, unless forced:\nthey run on, and nobody reaches "
                                       "them.",
                        .examples = {"ployzctl mesh stop", "ployzctl mesh stop --force"},
                        .options = {{"force", 0, "", "although it runs instances"}},
                        .run = run_stop},
                       {.name = "start",
                        .summary = "Start it again; what runs already is repaired",
                        .examples = {"ployzctl mesh start"},
                        .run = run_start},
                       {.name = "destroy",
                        .summary = "This machine leaves its network and is as before it",
                        .description = "Refused while it runs instances or the network has other "
                                       "members, unless forced.\nThe others are not told: see "
                                       "machine rm for a machine that serves. Of a machine that was "
                                       "removed\nwhile it was away this cleans the host.",
                        .examples = {"ployzctl mesh destroy --yes",
                                     "ployzctl mesh destroy --force --yes"},
                        .options = {{"force", 0, "", "whatever it runs and whoever else is there"},
                                    {"keep-data", 0, "", "leave its datasets on its disk"},
                                    {"yes", 'y', "", "do not ask"}},
                        .run = run_destroy},
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

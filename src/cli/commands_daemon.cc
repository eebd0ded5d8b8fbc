// daemon: installs, removes and inspects the daemon, on this computer or in a machine container.
#include <format>

#include "cli/commands.h"
#include "cli/host_runtime.h"
#include "cli/machine_container.h"
#include "cli/render.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

constexpr std::string_view kHostContext = "local";

Status remember_context(Session& session, const std::string& name, const ContextEntry& entry) {
  auto contexts = TRY(session.contexts());
  contexts.entries[name] = entry;
  contexts.current = name;
  return session.save(contexts);
}

Result<MachineOptions> machine_options(Session& session, const Args& args) {
  MachineOptions options;
  options.name = args.get_or("name", kDefaultMachine);
  TRY(check_dns_label(options.name, "machine name"));
  options.image = args.get_or(
      "image", session.host().env("PLOYZ_MACHINE_IMAGE").value_or(std::string(kDefaultImage)));
  options.publish = args.all("publish");
  return options;
}

Answer machine_answer(const MachineOptions& options, const MachineUp& up) {
  Answer answer;
  answer.document = {{"outcome", up.created ? "created" : "unchanged"},
                     {"runtime", "docker"},
                     {"machine", options.name},
                     {"container", container_of(options.name)},
                     {"address", up.state.address},
                     {"gateway", "http://" + up.state.address},
                     {"context", options.name}};
  answer.text = std::format("machine {}: {} (container {}, context {})\ngateway: http://{}\n",
                            options.name, up.created ? "created" : "was there already",
                            container_of(options.name), options.name, up.state.address);
  return answer;
}

Result<Answer> install_docker(Session& session, const Args& args) {
  const auto options = TRY(machine_options(session, args));
  const auto up = TRY(ensure_machine(session, options));
  TRY(remember_context(session, options.name, up.context));
  auto answer = machine_answer(options, up);
  answer.text += "next: ployzctl mesh init NAME\n";
  return answer;
}

Result<Answer> install_host(Session& session, const Args& args) {
  TRY(check_host(session));
  const Command query{{"dpkg-query", "--show", "--showformat", "${db:Status-Status}", "ployz"}};
  const auto found = TRY(session.host().run(query, {}));
  const bool installed = found.ok() && found.out == "installed";
  const auto package = args.get("package");
  if (!package.empty()) {
    if (!installed) TRY(quiet_debian_units(session));
    session.progress("installing " + package);
    // apt takes a name with a slash for a file.
    const auto file = package.contains('/') ? package : "./" + package;
    TRY(must(session,
             {{"apt-get", "install", "-y", "-q", "--no-install-recommends", file},
              {{"DEBIAN_FRONTEND", "noninteractive"}}},
             "apt-get update, then again"));
  } else if (!installed) {
    return fail(Code::precondition, "the package ployz is not installed", "--package ployz.deb");
  }
  TRY(must(session, {{"systemctl", "enable", "--now", "ployzd.service"}}, "journalctl -u ployzd"));
  const ContextEntry entry{"/run/ployz/ployzd.sock", {}};
  TRY(await_daemon(session, entry));
  TRY(remember_context(session, std::string(kHostContext), entry));
  Answer answer;
  answer.document = {{"outcome", installed && package.empty() ? "unchanged" : "created"},
                     {"runtime", "host"},
                     {"context", kHostContext}};
  answer.text = "ployzd runs on this computer\nnext: ployzctl mesh init NAME\n";
  return answer;
}

Result<bool> in_container(const Args& args) {
  const auto runtime = args.get_or("runtime", "docker");
  const auto mode = args.get_or("service-mode", runtime == "docker" ? "user" : "system");
  if ((runtime == "docker") != (mode == "user"))
    return fail(Code::invalid, std::format("--runtime {} with --service-mode {}", runtime, mode),
                "docker goes with user, host with system");
  return runtime == "docker";
}

Result<Answer> run_install(Session& session, const Args& args) {
  return TRY(in_container(args)) ? install_docker(session, args) : install_host(session, args);
}

Result<Answer> removed_answer(Session& session, const std::string& name) {
  const bool existed = TRY(remove_machine(session, name));
  Answer answer;
  answer.document = {{"outcome", existed ? "removed" : "unchanged"}, {"machine", name}};
  answer.text = existed ? std::format("machine {} is gone, with its data\n", name)
                        : std::format("there is no machine {}\n", name);
  return answer;
}

Result<Answer> run_uninstall(Session& session, const Args& args) {
  if (!args.has("yes"))
    return fail(Code::invalid, "this removes the machine with all of its data", "add --yes");
  if (TRY(in_container(args))) return removed_answer(session, args.get_or("name", kDefaultMachine));
  if (!session.host().is_root()) return fail(Code::precondition, "this needs root", "sudo");
  TRY(must(session, {{"apt-get", "purge", "-y", "-q", "ployz"}}, "dpkg --audit"));
  TRY(remove_from_host(session, std::string(kHostContext)));
  return Answer{{{"outcome", "removed"}, {"runtime", "host"}},
                "ployz is gone from this computer, with its containers and data\n"
                "what it depended on stays installed: apt-get autoremove\n"};
}

Result<Answer> run_status(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json status = TRY(client->status());
  const auto text =
      std::format("ployzd {} answers on {}\n", text_of(status, "version"), client->socket_path());
  return Answer{std::move(status), text};
}

// dev

Result<Answer> run_dev_up(Session& session, const Args& args) {
  if (TRY(args.number("machines", 1, 200)) != 1)
    return fail(Code::unsupported, "a development cluster has one machine so far", "--machines 1");
  const auto options = TRY(machine_options(session, args));
  const auto up = TRY(ensure_machine(session, options));
  TRY(remember_context(session, options.name, up.context));
  const auto* client = TRY(session.client_of(up.context));
  const auto status = TRY(client->status());
  auto network = text_of(status, "network");
  bool founded = false;
  if (network.empty()) {
    session.progress(std::format("founding network {}", options.name));
    const auto mesh = TRY(session.change(
        [&](const ApiClient&, const EventSink& events) {
          return client->mesh_init({options.name}, events);
        },
        false));
    network = text_of(mesh, "name");
    founded = true;
  }
  auto answer = machine_answer(options, up);
  answer.document["network"] = network;
  if (founded) answer.document["outcome"] = "created";
  answer.text += std::format(
      "network: {}\nnext: ployzctl image push IMAGE --to {}, then ployzctl "
      "deploy -f FILE\n",
      network, options.name);
  return answer;
}

Result<Answer> run_dev_status(Session& session, const Args& args) {
  const auto name = args.get_or("name", kDefaultMachine);
  const auto state = TRY(inspect_container(session, name));
  std::string network;
  std::string daemon = "-";
  if (state.running) {
    const auto contexts = TRY(session.contexts());
    const auto entry = contexts.entries.find(name);
    const ContextEntry fallback{{}, container_of(name)};
    const auto* client =
        TRY(session.client_of(entry == contexts.entries.end() ? fallback : entry->second));
    const auto status = client->status();
    daemon = status ? "answers" : status.error().message;
    if (status) network = text_of(*status, "network");
  }
  const bool up = state.running && daemon == "answers" && !network.empty();
  Answer answer;
  answer.document = {{"machine", name},
                     {"container", container_of(name)},
                     {"exists", state.exists},
                     {"running", state.running},
                     {"network", network},
                     {"address", state.address},
                     {"gateway", state.address.empty() ? "" : "http://" + state.address},
                     {"up", up}};
  const std::string_view running = !state.exists ? "absent" : state.running ? "running" : "stopped";
  answer.text =
      render_fields({{"machine", name},
                     {"container", std::format("{} ({})", container_of(name), running)},
                     {"daemon", daemon},
                     {"network", network.empty() ? "-" : network},
                     {"gateway", state.address.empty() ? "-" : "http://" + state.address}},
                    session.style());
  answer.exit_code = up ? 0 : 1;
  return answer;
}

Result<Answer> run_dev_down(Session& session, const Args& args) {
  return removed_answer(session, args.get_or("name", kDefaultMachine));
}

Result<Answer> run_dev_shell(Session& session, const Args& args) {
  const auto name = args.get_or("name", kDefaultMachine);
  if (!TRY(inspect_container(session, name)).running)
    return fail(Code::precondition, std::format("machine {} does not run", name),
                "ployzctl dev up");
  Command command{{"docker", "exec", "-i"}};
  if (session.host().out_is_terminal()) command.argv.emplace_back("-t");
  command.argv.push_back(container_of(name));
  auto words = args.all("COMMAND");
  if (words.empty()) words = {"bash", "-l"};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  command.own_group = false;  // it reads from the terminal
  Answer answer;
  answer.exit_code = TRY(session.host().run_here(command));
  answer.document = {{"exit_code", answer.exit_code}};
  return answer;
}

}  // namespace

CommandSpec daemon_command() {
  const OptionSpec runtime{"runtime", 0,
                           "RUNTIME", "a machine container, or this computer itself",
                           false,     {"docker", "host"}};
  const OptionSpec mode{"service-mode", 0,
                        "MODE",         "user goes with docker, system with host",
                        false,          {"user", "system"}};
  const OptionSpec name{"name", 0, "NAME", "of the machine (dev-local)"};
  return {
      .name = "daemon",
      .summary = "The daemon ployzd",
      .examples = {"ployzctl daemon install --runtime docker --service-mode user"},
      .children = {
          {.name = "install",
           .summary = "Install and start the daemon, and make its context the current one",
           .description = "With --runtime docker: a Debian 13 machine with systemd in a container "
                          "of this computer's engine.\nWith --runtime host: this Debian 13 "
                          "machine, as root; one that runs a HAProxy, Knot or NATS of its own is "
                          "refused. Repeating it changes nothing.",
           .examples = {"ployzctl daemon install --runtime docker --service-mode user",
                        "ployzctl daemon install --runtime host --service-mode system --package "
                        "./ployz.deb"},
           .options =
               {runtime,
                mode,
                name,
                {"image", 0, "IMAGE", "of the machine container (ployz/machine)"},
                {"publish", 'p', "HOST:CONTAINER",
                 "a port of the machine container on this computer", true},
                {"package", 0, "FILE", "ployz.deb, with --runtime host", false, {}, Names::file}},
           .run = run_install},
          {.name = "uninstall",
           .summary = "Remove the daemon with its machine and all data",
           .examples = {"ployzctl daemon uninstall --yes"},
           .options = {runtime, mode, name, {"yes", 'y', "", "do not ask"}},
           .run = run_uninstall},
          {.name = "status",
           .summary = "Does the daemon answer",
           .examples = {"ployzctl daemon status"},
           .run = run_status}}};
}

CommandSpec dev_command() {
  const OptionSpec name{"name", 0, "NAME", "of the machine and its context (dev-local)"};
  return {
      .name = "dev",
      .summary = "A cluster on this computer, its machine a container",
      .examples = {"ployzctl dev up", "ployzctl dev down"},
      .children = {{.name = "up",
                    .summary = "daemon install and mesh init in one; repeating it is cheap",
                    .examples = {"ployzctl dev up"},
                    .options = {name,
                                {"machines", 0, "N", "how many (1)"},
                                {"image", 0, "IMAGE", "of the machine container (ployz/machine)"},
                                {"publish", 'p', "HOST:CONTAINER",
                                 "a port of the machine container on this computer", true}},
                    .run = run_dev_up},
                   {.name = "status",
                    .summary = "Is it up, and where is its gateway",
                    .examples = {"ployzctl dev status"},
                    .options = {name},
                    .run = run_dev_status},
                   {.name = "down",
                    .summary = "Remove it with its data",
                    .examples = {"ployzctl dev down"},
                    .options = {name},
                    .run = run_dev_down},
                   {.name = "shell",
                    .summary = "A shell in the machine",
                    .examples = {"ployzctl dev shell", "ployzctl dev shell -- systemctl --failed"},
                    .options = {name},
                    .positionals = {{"COMMAND", "instead of a shell", false, true}},
                    .run = run_dev_shell}}};
}

}  // namespace ployz::cli

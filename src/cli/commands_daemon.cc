// daemon: installs, removes and inspects the daemon, on this computer or in a machine container.
#include <format>

#include "cli/commands.h"
#include "cli/dev_cluster.h"
#include "cli/host_runtime.h"
#include "cli/machine_container.h"
#include "cli/preflight.h"
#include "cli/remote_install.h"
#include "cli/render.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

constexpr std::string_view kHostContext = "local";

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
    if (!installed) TRY(check_ports_of_debian_units(session));
    session.progress("installing " + package);
    // As machine add does it: Debian's own units of what we bring must not start.
    const auto here = local_host(session.host());
    const auto facts = TRY(look_at(*here, {}));
    auto done = install_package(*here, facts, TRY(find_package(session, package)), {});
    if (done) done = keep_installed(*here, facts);
    if (!done) {
      if (const auto stays = uninstall(*here, facts); stays && stays->empty())
        session.notice("undo: this computer is as it was found");
      return fail(std::move(done).error());
    }
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

}  // namespace ployz::cli

// dev: a cluster on this computer, each machine a container.
#include <format>

#include "cli/commands.h"
#include "cli/dev_cluster.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

Result<Answer> run_up(Session& session, const Args& args) {
  const auto count = TRY(args.number("machines", 0, kMaxDevMachines));
  if (args.has("machines") && count == 0)
    return fail(Code::invalid, "--machines: there is no cluster of no machines", "--machines 1");
  const auto options = TRY(machine_options(session, args));
  const auto up = TRY(dev_up(session, options, count));
  Answer answer;
  Json machines = Json::array();
  for (size_t i = 0; i < up.machines.size(); ++i) {
    const auto name = dev_machine(options.name, i + 1);
    const auto& machine = up.machines[i];
    machines.push_back({{"machine", name},
                        {"outcome", machine.created ? "created" : "unchanged"},
                        {"container", container_of(name)},
                        {"address", machine.state.address},
                        {"gateway", "http://" + machine.state.address}});
    answer.text += std::format("machine {}: {} (container {}), gateway http://{}\n", name,
                               machine.created ? "created" : "was there already",
                               container_of(name), machine.state.address);
  }
  // The first machine's own fields, as when there was only one.
  answer.document = machines[0];
  answer.document["outcome"] = up.changed ? "created" : "unchanged";
  answer.document["runtime"] = "docker";
  answer.document["context"] = options.name;
  answer.document["network"] = up.network;
  answer.document["machines"] = std::move(machines);
  answer.text += std::format(
      "network: {} (context {})\nnext: ployzctl image push IMAGE --to {}, then ployzctl deploy -f "
      "FILE\n",
      up.network, options.name, options.name);
  return answer;
}

struct Seen {
  ContainerState state;
  std::string network;
  std::string daemon = "-";
  [[nodiscard]] bool up() const { return state.running && daemon == "answers" && !network.empty(); }
};

Result<Seen> look(Session& session, const ContextEntry& context, const std::string& name,
                  const std::string& cluster) {
  Seen seen;
  seen.state = TRY(inspect_container(session, name));
  if (!seen.state.running) return seen;
  MachineDoor door{{}, container_of(name)};
  if (name == cluster && !context.container.empty()) door = context;
  if (const auto found = context.machines.find(name); found != context.machines.end())
    door = found->second;
  const auto status = TRY(connect_to(door)).client->status();
  seen.daemon = status ? "answers" : status.error().message;
  if (status) seen.network = text_of(*status, "network");
  return seen;
}

Result<Answer> run_status(Session& session, const Args& args) {
  const auto cluster = args.get_or("name", kDefaultMachine);
  auto names = TRY(dev_machines(session, cluster));
  if (names.empty()) names = {cluster};
  const auto contexts = TRY(session.contexts());
  const auto known = contexts.entries.find(cluster);
  const ContextEntry context = known == contexts.entries.end() ? ContextEntry{} : known->second;
  Answer answer;
  Json list = Json::array();
  bool up = true;
  Table table({"MACHINE", "CONTAINER", "STATE", "DAEMON", "NETWORK", "GATEWAY"});
  for (const auto& name : names) {
    const auto seen = TRY(look(session, context, name, cluster));
    const auto gateway = seen.state.address.empty() ? "" : "http://" + seen.state.address;
    up = up && seen.up();
    list.push_back({{"machine", name},
                    {"container", container_of(name)},
                    {"exists", seen.state.exists},
                    {"running", seen.state.running},
                    {"network", seen.network},
                    {"address", seen.state.address},
                    {"gateway", gateway},
                    {"up", seen.up()}});
    table.row({name, container_of(name),
               !seen.state.exists   ? "absent"
               : seen.state.running ? "running"
                                    : "stopped",
               seen.daemon, seen.network.empty() ? "-" : seen.network,
               gateway.empty() ? "-" : gateway});
  }
  answer.document = list[0];
  answer.document["up"] = up;
  answer.document["machines"] = std::move(list);
  answer.text = table.render(session.style());
  answer.exit_code = up ? 0 : 1;
  return answer;
}

Result<Answer> run_down(Session& session, const Args& args) {
  const auto cluster = args.get_or("name", kDefaultMachine);
  auto names = TRY(dev_machines(session, cluster));
  if (names.empty()) names = {cluster};  // its folder and context may be left
  Answer answer;
  bool existed = false;
  for (const auto& name : names) {
    const bool one = TRY(remove_machine(session, name));
    existed = existed || one;
    answer.text += one ? std::format("machine {} is gone, with its data\n", name)
                       : std::format("there is no machine {}\n", name);
  }
  answer.document = {
      {"outcome", existed ? "removed" : "unchanged"}, {"machine", cluster}, {"machines", names}};
  return answer;
}

Result<Answer> run_shell(Session& session, const Args& args) {
  const auto cluster = args.get_or("name", kDefaultMachine);
  const auto& chosen = session.flags().machine;
  const auto name = chosen.empty() ? cluster : chosen;
  if (dev_number(cluster, name) == 0)
    return fail(Code::invalid, std::format("{} is no machine of {}", name, cluster),
                "ployzctl dev status");
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

CommandSpec dev_command() {
  const OptionSpec name{"name", 0, "NAME",
                        "of the cluster, its context and first machine (dev-local)"};
  return {
      .name = "dev",
      .summary = "A cluster on this computer, each machine a container",
      .description =
          "The first machine has the cluster's name, the others NAME-2, NAME-3 and so "
          "on; --machine NAME-2 talks to another one's daemon.",
      .examples = {"ployzctl dev up --machines 3", "ployzctl machine ls --machine dev-local-2",
                   "ployzctl dev down"},
      .children = {{.name = "up",
                    .summary = "Machines that run and form one network; repeating it is cheap",
                    .description = "A higher --machines later adds machines.",
                    .examples = {"ployzctl dev up", "ployzctl dev up --machines 3"},
                    .options = {name,
                                {"machines", 0, "N", "how many, 1 to 200 (those there are, or 1)"},
                                {"image", 0, "IMAGE", "of the machine containers (ployz/machine)"},
                                {"publish", 'p', "HOST:CONTAINER",
                                 "a port of the first machine on this computer", true}},
                    .run = run_up},
                   {.name = "status",
                    .summary = "Is it up, and where are its gateways",
                    .examples = {"ployzctl dev status"},
                    .options = {name},
                    .run = run_status},
                   {.name = "down",
                    .summary = "Remove it with its data",
                    .examples = {"ployzctl dev down"},
                    .options = {name},
                    .run = run_down},
                   {.name = "shell",
                    .summary = "A shell in a machine",
                    .examples = {"ployzctl dev shell", "ployzctl dev shell --machine dev-local-2",
                                 "ployzctl dev shell -- systemctl --failed"},
                    .options = {name},
                    .positionals = {{"COMMAND", "instead of a shell", false, true}},
                    .run = run_shell}}};
}

}  // namespace ployz::cli

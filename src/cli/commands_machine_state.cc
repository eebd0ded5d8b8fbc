// machine standby, machine activate: whether a machine takes new placements.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

// "machine m2: standby", and what stays there.
Answer state_answer(Json document) {
  const Json& machine = object_of(document, "machine");
  const auto outcome = text_of(document, "outcome");
  const auto name = text_of(machine, "name");
  std::string text = std::format("machine {}: {}", name, text_of(machine, "state"));
  if (outcome == "preview") text += " now; it would change, nothing was changed";
  if (outcome == "unchanged") text += " (unchanged)";
  text += "\n";
  for (const Json& workload : list_of(document, "workloads")) {
    text += printable(std::format("  stays: {}/{}, {} instances", text_of(workload, "namespace"),
                                  text_of(workload, "service"), number_of(workload, "instances"))) +
            "\n";
  }
  return Answer{std::move(document), text};
}

Result<Answer> run_standby(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  return state_answer(TRY(client->machine_standby(
      {args.get("MACHINE"), args.has("force"), args.has("dry-run")})));
}

Result<Answer> run_activate(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  return state_answer(TRY(client->machine_in_service(args.get("MACHINE"), args.has("dry-run"))));
}

}  // namespace

CommandSpec machine_standby_command() {
  return {.name = "standby",
          .summary = "A machine takes no new instances, and keeps what it runs",
          .description = "Refused while workloads run there, unless forced; they are listed. A "
                         "deploy that would place something\nnew there, by a pin or because its "
                         "volumes are there, is refused from then on.",
          .examples = {"ployzctl machine standby m2", "ployzctl machine standby m2 --force"},
          .options = {{"force", 0, "", "also while workloads run there; they stay"},
                      dry_run_option()},
          .positionals = {{"MACHINE", "name or id", true, false, Names::machine}},
          .run = run_standby};
}

CommandSpec machine_activate_command() {
  return {.name = "activate",
          .summary = "A machine takes new instances again",
          .description = "Undoes standby and drain; nothing moves back by itself.",
          .examples = {"ployzctl machine activate m2"},
          .options = {dry_run_option()},
          .positionals = {{"MACHINE", "name or id", true, false, Names::machine}},
          .run = run_activate};
}

}  // namespace ployz::cli

// doctor: what is wrong, and what to run.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

Color color_of(std::string_view severity) {
  return severity == "error" ? Color::red : Color::yellow;
}

// Tables are shortened to the terminal, and half a command is worse than none: so the commands
// follow in full, with the number of their finding.
std::string render_findings(const Json& report, const Style& style) {
  Table plain({"SEVERITY", "MACHINE", "FINDING", "RUN ON", "RUN"});
  Table table({"#", "SEVERITY", "MACHINE", "FINDING"});
  std::string commands;
  size_t number = 0;
  for (const Json& finding : list_of(report, "findings")) {
    const auto severity = text_of(finding, "severity");
    const auto machine = text_of(finding, "machine");
    const auto what = text_of(finding, "what");
    const auto on = text_of(finding, "run_on");
    const auto run = text_of(finding, "run");
    plain.row({severity, machine, what, on, run});
    table.row({std::format("{}", ++number), severity, machine.empty() ? "-" : machine, what});
    commands +=
        std::format("{}  {}{}\n", colored(std::format("{:>3}", number), color_of(severity), style),
                    on.empty() ? "" : std::format("on {}: ", printable(on)), printable(run));
  }
  if (style.plain) return plain.render(style);
  return table.render(style) + "\nwhat to run:\n" + commands;
}

std::string summary_of(const Json& report) {
  const size_t machines = list_of(report, "machines").size();
  const std::string looked = machines == 1 ? "1 machine" : std::format("{} machines", machines);
  size_t errors = 0, warnings = 0;
  for (const Json& finding : list_of(report, "findings"))
    ++(text_of(finding, "severity") == "error" ? errors : warnings);
  if (errors + warnings == 0) return std::format("nothing is wrong with {}\n", looked);
  return std::format("{} errors, {} warnings on {}\n", errors, warnings, looked);
}

Result<Answer> run_doctor(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  Json report = TRY(client->doctor(args.all("MACHINE")));
  Answer answer;
  const bool found = !list_of(report, "findings").empty();
  if (found) answer.text = render_findings(report, session.style());
  if (!session.style().plain) answer.text += (found ? "\n" : "") + summary_of(report);
  answer.exit_code = text_of(report, "worst") == "error" ? 1 : 0;
  answer.document = std::move(report);
  return answer;
}

}  // namespace

CommandSpec doctor_command() {
  return {.name = "doctor",
          .summary = "What is wrong with the cluster, and what to run",
          .description =
              "Asks every machine about its units, versions, store, tunnels, routes, clock, disk "
              "and pool; "
              "compares\nwhat gateways and DNS serve, and what containers, datasets and snapshots "
              "there are, "
              "with the newest\ncommits; and lists unfinished operations and expired plans. "
              "Changes nothing. "
              "A machine that does not\nanswer is named within two seconds. Exit code 1 when there "
              "is an "
              "error, 0 with warnings only.\nWith MACHINE: only these, and nothing of the cluster.",
          .examples = {"ployzctl doctor", "ployzctl doctor m1 m2", "ployzctl doctor --json"},
          .positionals = {{"MACHINE", "name or id", false, true, Names::machine, true}},
          .run = run_doctor};
}

}  // namespace ployz::cli

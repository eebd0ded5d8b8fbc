// doctor: what is wrong, and what to run; --fix does what can be done without a doubt.
#include <algorithm>
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

std::string sentence_of(const WantedFix& wanted) {
  return printable(describe(wanted.fix) + (wanted.machine.empty() ? "" : " on " + wanted.machine));
}

// What of a report --fix can do, each once. What a newer daemon can do besides is left to it.
std::vector<WantedFix> fixes_of(const Json& report) {
  std::vector<WantedFix> fixes;
  for (const Json& finding : list_of(report, "findings")) {
    auto fix = fix_from_json(object_of(finding, "fix"));
    if (!fix) continue;
    WantedFix wanted{text_of(finding, "machine"), *std::move(fix)};
    if (!std::ranges::contains(fixes, wanted)) fixes.push_back(std::move(wanted));
  }
  return fixes;
}

Answer report_answer(Session& session, Json report, std::string text) {
  Answer answer;
  const Style& style = session.style();
  const bool found = !list_of(report, "findings").empty();
  answer.text = std::move(text);
  if (found) answer.text += render_findings(report, style);
  if (!style.plain) answer.text += (found ? "\n" : "") + summary_of(report);
  answer.exit_code = text_of(report, "worst") == "error" ? 1 : 0;
  answer.document = std::move(report);
  return answer;
}

std::string done_text(const Json& report) {
  std::string text;
  for (const Json& one : list_of(report, "fixes")) {
    const auto fix = fix_from_json(object_of(one, "fix"));
    if (!fix) continue;
    const std::string called = sentence_of(WantedFix{text_of(one, "machine"), *fix});
    text += flag_of(one, "done")
                ? std::format("done: {}\n", called)
                : printable(std::format("not done: {}: {}", called,
                                        text_of(object_of(one, "error"), "message"))) +
                      "\n";
  }
  return text;
}

Result<Answer> run_fix(Session& session, const Args& args, Json report) {
  const FixRequest request{args.all("MACHINE"), fixes_of(report)};
  if (request.fixes.empty()) {
    report["outcome"] = "unchanged";
    report["fixes"] = Json::array();
    return report_answer(session, std::move(report), "");
  }
  if (!args.has("yes")) {
    std::string list;
    for (const WantedFix& wanted : request.fixes) {
      list += (list.empty() ? "" : "; ") + sentence_of(wanted);
    }
    return fail(Code::invalid, "this would " + list,
                "repeat it with --yes; what was found: ployzctl doctor");
  }
  Json left = TRY(session.change([&](const ApiClient& client, const EventSink& events) {
    return client.doctor_fix(request, events);
  }));
  std::string done = session.style().plain ? std::string() : done_text(left);
  const bool failed = text_of(left, "outcome") == "failed";
  Answer answer = report_answer(session, std::move(left), std::move(done));
  if (failed) answer.exit_code = 1;
  return answer;
}

Result<Answer> run_doctor(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  Json report = TRY(client->doctor(args.all("MACHINE")));
  if (args.has("fix")) return run_fix(session, args, std::move(report));
  if (args.has("yes")) {
    return fail(Code::invalid, "--yes is of --fix only", "ployzctl doctor --fix --yes");
  }
  const size_t fixes = fixes_of(report).size();
  Answer answer = report_answer(session, std::move(report), "");
  if (fixes > 0 && !session.style().plain) {
    answer.text += std::format("ployzctl doctor --fix can do {} of it\n", fixes);
  }
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
              "with the newest\ncommits; and lists unfinished operations, expired plans and "
              "invites, and copies of the store that lag.\nChanges nothing. "
              "A machine that does not answer is named within two seconds. Exit code 1 when there\n"
              "is an error, 0 with warnings only. With MACHINE: only these, and nothing of the "
              "cluster.\n\nWith --fix: starts units that are stopped, restarts a router that does "
              "not answer, removes containers\nthat ended operations have left, and finishes "
              "cleanups that destroy no data. Says what that would be;\nwith --yes does it, looks "
              "again, and lists what is left. Everything else stays a finding.",
          .examples = {"ployzctl doctor", "ployzctl doctor m1 m2", "ployzctl doctor --json",
                       "ployzctl doctor --fix --yes"},
          .options = {{"fix", 0, "", "do what doctor can mend without a doubt"},
                      {"yes", 'y', "", "do not ask"}},
          .positionals = {{"MACHINE", "name or id", false, true, Names::machine, true}},
          .run = run_doctor};
}

}  // namespace ployz::cli

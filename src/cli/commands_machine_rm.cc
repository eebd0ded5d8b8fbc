// machine rm: a machine leaves the network, or is given up.
#include <format>

#include "cli/commands.h"
#include "cli/moves_text.h"
#include "cli/render.h"
#include "model/store.h"

namespace ployz::cli {
namespace {

std::string lost_text(const Json& document) {
  std::string text;
  for (const Json& lost : list_of(document, "lost_services")) {
    const auto fate = text_of(lost, "fate");
    const auto why = text_of(lost, "why");
    text += printable(std::format("{}/{}: {} instances there; {}{}", text_of(lost, "namespace"),
                                  text_of(lost, "service"), number_of(lost, "instances"),
                                  fate == "restarts"  ? "starts elsewhere"
                                  : fate == "reduced" ? "goes on with the others"
                                                      : "ends",
                                  why.empty() ? "" : ": " + why)) +
            "\n";
  }
  for (const Json& lost : list_of(document, "lost_volumes")) {
    text += printable(std::format("volume {}/{}: lost (dataset {})", text_of(lost, "namespace"),
                                  text_of(lost, "volume"), text_of(lost, "dataset"))) +
            "\n";
    for (const Json& copy : list_of(lost, "copies")) {
      text += printable(std::format("  as of {}: snapshot {} of dataset {} on {}",
                                    format_time(number_of(copy, "created_at_ms")),
                                    text_of(copy, "snapshot"), text_of(copy, "dataset"),
                                    text_of(copy, "machine_name"))) +
              "\n";
    }
  }
  return text;
}

std::string data_text(const Json& document) {
  if (flag_of(document, "keep_data")) {
    return datasets_text("data that stays on its disk:", list_of(document, "datasets"));
  }
  return datasets_text("data that goes with it, of former commits or of nobody:",
                       list_of(document, "datasets")) +
         datasets_text("of that, what exists nowhere else:", list_of(document, "only_there"));
}

std::string unconfirmed_text(const Json& document) {
  const std::string names = joined(list_of(document, "unconfirmed"));
  if (names.empty()) return "";
  return printable("not confirmed by " + names + ", which take note when they are back") + "\n";
}

std::string store_text(const Json& document) {
  const std::string names = joined(list_of(document, "store"));
  return names.empty() ? "" : printable("the control plane's store is then on " + names) + "\n";
}

Answer rm_answer(Session& session, Json document) {
  const auto outcome = text_of(document, "outcome");
  auto text = lost_text(document) + steps_text(document, session.style()) + store_text(document);
  if (outcome == "preview" || outcome == "removed") text += data_text(document);
  text += unconfirmed_text(document);
  text += std::format("machine {}: {}\n", text_of(object_of(document, "machine"), "name"),
                      outcome == "preview"     ? "preview; nothing was changed"
                      : outcome == "unchanged" ? "removed before"
                                               : outcome);
  return ended_answer(session, std::move(document), std::move(text), "removed");
}

Result<Answer> run_rm(Session& session, const Args& args) {
  RemovalRequest request{args.get("MACHINE")};
  request.force = args.has("force");
  request.keep_data = args.has("keep-data");
  request.yes = args.has("yes");
  if (args.has("replicas")) request.replicas = TRY(args.number("replicas", 1, kMostReplicas));
  if (args.has("dry-run")) {
    const auto* client = TRY(session.client());
    return rm_answer(session, TRY(client->machine_removal_preview(request)));
  }
  return rm_answer(session,
                   TRY(session.change([&](const ApiClient& client, const EventSink& events) {
                     return client.machine_remove(request, events);
                   })));
}

}  // namespace

CommandSpec machine_rm_command() {
  return {
      .name = "rm",
      .summary = "A machine leaves the network; what runs on it moves away first",
      .description =
          "Drains it, as machine drain does, has it clean itself (containers, data, units, "
          "interface, keys), and\nrevokes its credentials on every member. Data that exists "
          "nowhere else is listed and goes only with\n--yes. Interrupted at any point, the same "
          "command goes on. machine add brings the host in anew.\n\nWith --force: one that does "
          "not answer and never will. What it had is listed, restarts elsewhere if\nit can, and "
          "is lost if its data was only there; the next deploy makes such volumes new and empty."
          "\nIf it does come back, the others tell it: it stops what it serves, keeps its data and "
          "says so.",
      .examples = {"ployzctl machine rm m2 --dry-run", "ployzctl machine rm m2",
                   "ployzctl machine rm m2 --keep-data", "ployzctl machine rm m2 --replicas 1",
                   "ployzctl machine rm m2 --force --yes"},
      .options = {dry_run_option(),
                  {"force", 0, "", "it does not answer: give up what only it has"},
                  {"keep-data", 0, "", "leave its storage pool, with all data, on its disk"},
                  {"replicas", 0, "1|3|5",
                   "of the control plane's store, if the machine has one (as many as now)"},
                  {"yes", 'y', "", "data that exists nowhere else may go"}},
      .positionals = {{"MACHINE", "name or id", true, false, Names::machine}},
      .run = run_rm};
}

}  // namespace ployz::cli

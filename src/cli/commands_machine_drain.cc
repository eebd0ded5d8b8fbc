// machine drain: everything that runs on a machine moves away.
#include <format>

#include "cli/commands.h"
#include "cli/moves_text.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

Answer drain_answer(Session& session, Json document) {
  Answer answer;
  const auto outcome = text_of(document, "outcome");
  const auto& style = session.style();
  answer.text = steps_text(document, style);
  if (outcome == "preview" || outcome == "drained") {
    answer.text += datasets_text("data that stays there, of former commits or of nobody:",
                                 list_of(document, "stays"));
  }
  answer.text += std::format("machine {}: {}\n", text_of(object_of(document, "machine"), "name"),
                             outcome == "preview" ? "preview; nothing was changed" : outcome);
  const bool well = outcome == "preview" || outcome == "unchanged" || outcome == "drained";
  answer.exit_code = well ? 0 : outcome == "cleanup_pending" ? 4 : 1;
  if (const Json& error = object_of(document, "error"); !error.empty() && !session.flags().json)
    session.notice("ployzctl: " + error_from_json(error).line());
  answer.document = std::move(document);
  return answer;
}

Result<Answer> run_drain(Session& session, const Args& args) {
  const auto machine = args.get("MACHINE");
  if (args.has("dry-run")) {
    const auto* client = TRY(session.client());
    return drain_answer(session, TRY(client->machine_drain_preview(machine)));
  }
  return drain_answer(session,
                      TRY(session.change([&](const ApiClient& client, const EventSink& events) {
                        return client.machine_drain(machine, events);
                      })));
}

}  // namespace

CommandSpec machine_drain_command() {
  return {.name = "drain",
          .summary = "Everything that runs on a machine moves away, and nothing new comes",
          .description =
              "Services with volumes are migrated one by one; others start elsewhere before they "
              "stop here. What fits\nnowhere is named before anything moves. Interrupted at any "
              "point, the same command goes on;\nmachine activate gives it up. Data that only "
              "former commits name stays there, and is listed.",
          .examples = {"ployzctl machine drain m2 --dry-run", "ployzctl machine drain m2"},
          .options = {dry_run_option()},
          .positionals = {{"MACHINE", "name or id", true, false, Names::machine}},
          .run = run_drain};
}

}  // namespace ployz::cli

// machine drain: everything that runs on a machine moves away.
#include <format>

#include "cli/commands.h"
#include "cli/moves_text.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

Answer drain_answer(Session& session, Json document) {
  const auto outcome = text_of(document, "outcome");
  auto text = steps_text(document, session.style());
  if (outcome == "preview" || outcome == "drained") {
    text += datasets_text("data that stays there, of former commits or of nobody:",
                          list_of(document, "stays"));
  }
  text += std::format("machine {}: {}\n", text_of(object_of(document, "machine"), "name"),
                      outcome == "preview" ? "preview; nothing was changed" : outcome);
  return ended_answer(session, std::move(document), std::move(text), "drained");
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

// machine drain: everything that runs on a machine moves away.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

std::string names_of(const Json& step) {
  std::string text;
  for (const auto* key : {"services", "volumes"}) {
    for (const Json& name : list_of(step, key)) {
      if (!name.is_string()) continue;
      text += (text.empty() ? "" : ", ");
      text += (std::string_view(key) == "volumes" ? "volume " : "") + name.get<std::string>();
    }
  }
  return text;
}

std::string where_to(const Json& step) {
  const auto to = text_of(step, "to");
  return to.empty() ? "the other machines" : to;
}

std::string cost_of(const Json& step) {
  const Json& measured = object_of(step, "measured");
  if (!measured.contains("bytes_sent")) {
    const uint64_t bytes = number_of(step, "bytes");
    return bytes == 0 ? "" : ", " + format_bytes(bytes);
  }
  return std::format(", sent {}, no writer for {}", format_bytes(number_of(measured, "bytes_sent")),
                     format_duration(number_of(measured, "write_downtime_ms")));
}

std::string steps_text(const Json& document, const Style& style) {
  std::string text;
  for (const Json& step : list_of(document, "steps")) {
    const auto outcome = text_of(step, "outcome");
    const auto operation = text_of(step, "operation");
    text += printable(std::format("{}: {} → {}{} ({}{})", text_of(step, "namespace"),
                                  names_of(step), where_to(step), cost_of(step), outcome,
                                  operation.empty() ? "" : ", operation " + operation)) +
            "\n";
    text += render_changes(list_of(step, "changes"), style);
  }
  return text;
}

std::string stays_text(const Json& document) {
  const Json& stays = list_of(document, "stays");
  if (stays.empty()) return "";
  std::string text = "data that stays there, of former commits or of nobody:\n";
  for (const Json& left : stays) {
    text += printable(std::format("  {}/{} {}, {}{}", text_of(left, "namespace"),
                                  text_of(left, "volume"), text_of(left, "dataset"),
                                  format_bytes(number_of(left, "bytes")),
                                  flag_of(left, "moves") ? ", goes on elsewhere" : "")) +
            "\n";
  }
  return text;
}

Answer drain_answer(Session& session, Json document) {
  Answer answer;
  const auto outcome = text_of(document, "outcome");
  const auto& style = session.style();
  answer.text = steps_text(document, style);
  if (outcome == "preview" || outcome == "drained") answer.text += stays_text(document);
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

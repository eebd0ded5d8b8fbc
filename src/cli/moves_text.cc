#include "cli/moves_text.h"

#include <format>

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

// What has to be done before, and how long nobody writes at most.
std::string expected_text(const Json& step) {
  std::string text;
  for (const Json& copy : list_of(step, "images")) {
    text += printable(std::format("  image {} is copied to {} first", text_of(copy, "image"),
                                  text_of(copy, "machine_name"))) +
            "\n";
  }
  const uint64_t stops = number_of(step, "stops_within_ms");
  const uint64_t ready = number_of(step, "ready_within_ms");
  if (stops + ready > 0) {
    text += std::format("  down while it stops (at most {}) and until it is ready again (at most {})\n",
                        format_duration(stops), format_duration(ready));
  }
  return text;
}

}  // namespace

std::string steps_text(const Json& document, const Style& style) {
  std::string text;
  for (const Json& step : list_of(document, "steps")) {
    const auto outcome = text_of(step, "outcome");
    const auto operation = text_of(step, "operation");
    // What a lost machine had is told apart: the step is only what becomes of its namespace.
    const auto names = names_of(step);
    const auto what =
        names.empty() ? "" : std::format(" {} → {}{}", names, where_to(step), cost_of(step));
    text += printable(std::format("{}:{} ({}{})", text_of(step, "namespace"), what, outcome,
                                  operation.empty() ? "" : ", operation " + operation)) +
            "\n";
    if (outcome == "planned") text += expected_text(step);
    text += render_changes(list_of(step, "changes"), style);
  }
  return text;
}

std::string datasets_text(std::string_view title, const Json& datasets) {
  if (datasets.empty()) return "";
  std::string text = std::string(title) + "\n";
  for (const Json& left : datasets) {
    text += printable(std::format("  {}/{} {}, {}{}", text_of(left, "namespace"),
                                  text_of(left, "volume"), text_of(left, "dataset"),
                                  format_bytes(number_of(left, "bytes")),
                                  flag_of(left, "moves") ? ", goes on elsewhere" : "")) +
            "\n";
  }
  return text;
}

Answer ended_answer(Session& session, Json document, std::string text, std::string_view done) {
  Answer answer;
  answer.text = std::move(text);
  const auto outcome = text_of(document, "outcome");
  const bool well = outcome == "preview" || outcome == "unchanged" || outcome == done;
  answer.exit_code = well ? 0 : outcome == "cleanup_pending" ? 4 : 1;
  if (const Json& error = object_of(document, "error"); !error.empty() && !session.flags().json)
    session.notice("ployzctl: " + error_from_json(error).line());
  answer.document = std::move(document);
  return answer;
}

}  // namespace ployz::cli

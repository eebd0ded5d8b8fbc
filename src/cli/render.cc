#include "cli/render.h"

#include <format>

#include "base/join.h"
#include "model/names.h"
#include "model/operation.h"

namespace ployz::cli {
namespace {

const Json kNothing;
const Json kEmptyList = Json::array();
const Json kEmptyObject = Json::object();

const Json& at(const Json& object, std::string_view key) {
  if (!object.is_object()) return kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

Color color_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::committed:
    case Outcome::unchanged:
      return Color::green;
    case Outcome::running:
      return Color::none;
    case Outcome::failed:
    case Outcome::refused:
      return Color::red;
    default:
      return Color::yellow;
  }
}

std::string_view meaning_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::running:
      return "still running";
    case Outcome::unchanged:
      return "nothing to do";
    case Outcome::committed:
      return "done";
    case Outcome::committed_cleanup_pending:
      return "live; finish the cleanup with the same command or ployzctl op resume";
    case Outcome::failed:
      return "undone; the previous commit stands";
    case Outcome::refused:
      return "nothing was changed";
    case Outcome::aborted:
      return "undone; the previous commit stands";
    case Outcome::interrupted:
      return "settle it with ployzctl op resume or op abort";
  }
  return "";
}

// "sent 1.2 GiB in 3 rounds, writers paused 12 ms, no writer for 820 ms"
std::string measured_text(const Json& measured) {
  std::vector<std::string> parts;
  if (measured.contains("bytes_sent"))
    parts.push_back(std::format("sent {} in {} rounds", format_bytes(number_of(measured, "bytes_sent")),
                                number_of(measured, "rounds")));
  if (measured.contains("paused_ms"))
    parts.push_back("writers paused " + format_duration(number_of(measured, "paused_ms")));
  if (measured.contains("write_downtime_ms"))
    parts.push_back("no writer for " + format_duration(number_of(measured, "write_downtime_ms")));
  return parts.empty() ? "" : join(parts) + "\n";
}

}  // namespace

std::string text_of(const Json& object, std::string_view key) {
  const Json& value = at(object, key);
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : std::string();
}

uint64_t number_of(const Json& object, std::string_view key) {
  const Json& value = at(object, key);
  return value.is_number_unsigned() ? value.get<uint64_t>() : 0;
}

bool flag_of(const Json& object, std::string_view key) {
  const Json& value = at(object, key);
  return value.is_boolean() && value.get<bool>();
}

const Json& list_of(const Json& object, std::string_view key) {
  const Json& value = at(object, key);
  return value.is_array() ? value : kEmptyList;
}

std::string joined(const Json& strings, std::string_view separator) {
  std::vector<std::string> texts;
  for (const Json& text : strings) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return join(texts, separator);
}

const Json& object_of(const Json& object, std::string_view key) {
  const Json& value = at(object, key);
  return value.is_object() ? value : kEmptyObject;
}

Json part_of(const Json& document, const Json& part) {
  Json alone = part;
  if (document.contains("as_of")) alone["as_of"] = document["as_of"];
  return alone;
}

std::string render_changes(const Json& changes, const Style& style) {
  std::string out;
  for (const Json& change : changes) {
    const auto kind = text_of(change, "kind");
    Color color = Color::none;
    std::string_view sign = " ";
    if (kind == "create" || kind == "route" || kind == "scale") {
      color = Color::green;
      sign = "+";
    } else if (kind == "replace" || kind == "data") {
      color = Color::yellow;
      sign = "~";
    } else if (kind == "remove") {
      color = Color::red;
      sign = "-";
    }
    const auto detail = text_of(change, "detail");
    const auto line =
        printable(std::format("{} {:<8}{}{}{}", sign, kind, text_of(change, "resource"),
                              detail.empty() ? "" : ": ", detail));
    out += "  " + colored(line, color, style) + "\n";
  }
  return out;
}

Answer operation_answer(Session& session, Json operation) {
  const auto outcome = parse_outcome(text_of(operation, "outcome")).value_or(Outcome::failed);
  const auto& style = session.style();
  const uint64_t started = number_of(operation, "started_at_ms");
  const uint64_t ended = number_of(operation, "ended_at_ms");
  const auto took = ended > started ? ", " + format_duration(ended - started) : std::string();
  Answer answer;
  answer.exit_code = exit_code(outcome);
  answer.text = render_changes(list_of(operation, "changes"), style);
  answer.text += std::format("{} {}: {} ({}{}; operation {})\n", text_of(operation, "kind"),
                             text_of(operation, "namespace"),
                             colored(to_string(outcome), color_of(outcome), style),
                             meaning_of(outcome), took, text_of(operation, "id"));
  answer.text += measured_text(object_of(operation, "measured"));
  if (const std::string silent = joined(list_of(operation, "unconfirmed")); !silent.empty())
    answer.text += printable("not confirmed by " + silent +
                             ": these serve the commit as soon as they see it") +
                   "\n";
  if (const Json& error = object_of(operation, "error"); !error.empty() && !session.flags().json)
    session.notice("ployzctl: " + error_from_json(error).line());
  answer.document = std::move(operation);
  return answer;
}

Answer preview_answer(Session& session, Json preview) {
  Answer answer;
  answer.text =
      std::format("{} {}: {}\n", text_of(preview, "kind"), text_of(preview, "namespace"),
                  text_of(preview, "outcome") == "unchanged" ? "unchanged (nothing to do)"
                                                             : "preview; nothing was changed");
  answer.text += render_changes(list_of(preview, "changes"), session.style());
  Table steps({"STEP", "MACHINE", "WHAT"});
  for (const auto* part : {"apply", "cleanup"})
    for (const Json& step : list_of(preview, part))
      steps.row({text_of(step, "id"), text_of(step, "machine_name"), text_of(step, "text")});
  if (!steps.empty()) answer.text += "\n" + steps.render(session.style());
  answer.document = std::move(preview);
  return answer;
}

Result<Answer> change_answer(Session& session, const ChangeRequest& request, bool preview) {
  if (preview) {
    const auto* client = TRY(session.client());
    return preview_answer(session, TRY(client->change_preview(request)));
  }
  return operation_answer(session,
                          TRY(session.change([&](const ApiClient& client, const EventSink& events) {
                            return client.change_namespace(request, events);
                          })));
}

Result<NamespaceName> namespace_arg(const Args& args, const std::string& positional) {
  const auto text = args.get(positional);
  TRY(check_dns_label(text, "namespace name"));
  return NamespaceName(text);
}

Result<std::optional<Consistency>> consistency_arg(const Args& args) {
  if (!args.has("consistency")) return std::nullopt;
  return TRY(parse_consistency(args.get("consistency")));
}

OptionSpec consistency_option(std::string help) {
  return {"consistency", 0, "HOW", std::move(help), false, {"pause", "crash"}};
}

OptionSpec dry_run_option() { return {"dry-run", 'n', "", "only show what would be done"}; }

Result<VolumePath> parse_volume_path(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return fail(Code::invalid, std::format("'{}' is not NAMESPACE/VOLUME", text),
                "list them: ployzctl volume ls");
  }
  VolumePath path{NamespaceName(std::string(text.substr(0, slash))),
                  VolumeName(std::string(text.substr(slash + 1)))};
  TRY(check_dns_label(path.name_space.str(), "namespace name"));
  TRY(check_volume_name(path.volume.str(), "volume name"));
  return path;
}

Result<ServicePath> parse_service_path(std::string_view text) {
  ServicePath path;
  const size_t slash = text.find('/');
  path.name_space = text.substr(0, slash);
  TRY(check_dns_label(path.name_space, "namespace name"));
  if (slash != std::string_view::npos) {
    path.service = text.substr(slash + 1);
    TRY(check_dns_label(path.service, "service name"));
  }
  return path;
}

}  // namespace ployz::cli

// op: operations and what became of them.
#include <format>

#include "base/ulid.h"
#include "cli/commands.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

constexpr uint64_t kSearched = 1000;  // newest operations a prefix is looked for in

// A whole id, or the only one that begins so.
Result<std::string> find_operation(const ApiClient& client, const std::string& text) {
  if (text.empty()) return fail(Code::invalid, "OPERATION is empty");
  if (is_ulid(text)) return text;
  std::vector<std::string> found;
  const Json document = TRY(client.operations(kSearched));
  for (const Json& operation : list_of(document, "operations"))
    if (text_of(operation, "id").starts_with(text)) found.push_back(text_of(operation, "id"));
  if (found.size() == 1) return found.front();
  if (found.empty())
    return fail(Code::not_found, std::format("no operation '{}'", text), "ployzctl op ls");
  return fail(Code::conflict, std::format("{} operations begin with '{}'", found.size(), text),
              std::format("{}, {}, …", found[0], found[1]));
}

Result<Answer> run_ls(Session& session, const Args& args) {
  const auto limit = TRY(args.number("limit", 50, 10000));
  const auto* client = TRY(session.client());
  Json document = TRY(client->operations(limit));
  Table table({"OPERATION", "KIND", "NAMESPACE", "OUTCOME", "PHASE", "STARTED", "TOOK", "ERROR"});
  for (const Json& operation : list_of(document, "operations")) {
    const uint64_t started = number_of(operation, "started_at_ms");
    const uint64_t ended = number_of(operation, "ended_at_ms");
    table.row({text_of(operation, "id"), text_of(operation, "kind"),
               text_of(operation, "namespace"), text_of(operation, "outcome"),
               text_of(operation, "phase"), format_age(started, session.host().now_ms()),
               ended > started ? format_duration(ended - started) : "-",
               text_of(object_of(operation, "error"), "message")});
  }
  Answer answer{std::move(document), table.render(session.style())};
  if (table.empty() && !session.style().plain) answer.text = "no operations\n";
  return answer;
}

std::string operation_text(Session& session, const Json& operation) {
  std::string phases;
  for (const auto& [phase, ms] : object_of(operation, "phase_ms").items())
    if (ms.is_number_unsigned())
      phases += std::format("{}{} {}", phases.empty() ? "" : ", ", phase,
                            format_duration(ms.get<uint64_t>()));
  const Json& error = object_of(operation, "error");
  auto text = render_fields(
      {{"operation", text_of(operation, "id")},
       {"kind", text_of(operation, "kind")},
       {"namespace", text_of(operation, "namespace")},
       {"outcome", text_of(operation, "outcome")},
       {"phase", text_of(operation, "phase")},
       {"coordinator", std::format("{} (attempt {})", text_of(operation, "coordinator_name"),
                                   text_of(operation, "attempt"))},
       {"started", format_time(number_of(operation, "started_at_ms"))},
       {"phases", phases},
       {"error", error.empty() ? "none" : error_from_json(error).line()}},
      session.style());
  text += render_changes(list_of(operation, "changes"), session.style());
  Table steps({"STEP", "STATE", "WHAT"});
  for (const auto& [id, step] : object_of(operation, "steps").items()) {
    const auto why = text_of(object_of(step, "error"), "message");
    steps.row(
        {id, text_of(step, "state"), text_of(step, "text") + (why.empty() ? "" : ": " + why)});
  }
  if (!steps.empty()) text += "\n" + steps.render(session.style());
  return text;
}

Result<Answer> run_show(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  const auto id = TRY(find_operation(*client, args.get("OPERATION")));
  Json operation = TRY(client->operation(id));
  auto text = operation_text(session, operation);
  return Answer{std::move(operation), std::move(text)};
}

// Leaving is not aborting: Ctrl-C only ends the watching.
Result<Answer> run_watch(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  const auto id = TRY(find_operation(*client, args.get("OPERATION")));
  return operation_answer(session, TRY(client->watch(id, session.progress_of_events())));
}

Result<Answer> run_resume(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  const auto id = TRY(find_operation(*client, args.get("OPERATION")));
  return operation_answer(session,
                          TRY(session.change([&](const ApiClient& daemon, const EventSink& events) {
                            return daemon.resume(id, events);
                          })));
}

Result<Answer> run_abort(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  const auto id = TRY(find_operation(*client, args.get("OPERATION")));
  auto answer = operation_answer(
      session, TRY(session.change([&](const ApiClient& daemon,
                                      const EventSink& events) { return daemon.abort(id, events); },
                                  false)));
  // What was asked for has happened.
  if (text_of(answer.document, "outcome") == "aborted") answer.exit_code = 0;
  return answer;
}

}  // namespace

CommandSpec op_command() {
  const PositionalSpec operation{"OPERATION", "id, or a prefix no other has", true, false,
                                 Names::operation};
  return {.name = "op",
          .summary = "Operations: who did what, and how it ended",
          .examples = {"ployzctl op ls"},
          .children = {{.name = "ls",
                        .summary = "Operations, newest first",
                        .examples = {"ployzctl op ls", "ployzctl op ls --limit 5"},
                        .options = {{"limit", 0, "N", "at most so many (50)"}},
                        .run = run_ls,
                        .aliases = {"list"}},
                       {.name = "show",
                        .summary = "One operation with its steps and times",
                        .examples = {"ployzctl op show 01jm3k"},
                        .positionals = {operation},
                        .run = run_show},
                       {.name = "watch",
                        .summary = "Follow an operation that runs, from its beginning",
                        .examples = {"ployzctl op watch 01jm3k"},
                        .positionals = {operation},
                        .run = run_watch},
                       {.name = "resume",
                        .summary = "Finish an operation that was interrupted",
                        .examples = {"ployzctl op resume 01jm3k"},
                        .positionals = {operation},
                        .run = run_resume},
                       {.name = "abort",
                        .summary = "Stop an operation and undo what it did",
                        .description = "Once it is committed it is finished instead, and the abort refused.",
                        .examples = {"ployzctl op abort 01jm3k"},
                        .positionals = {operation},
                        .run = run_abort}}};
}

}  // namespace ployz::cli

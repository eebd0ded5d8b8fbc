// context, completion, and the commands no person types.
#include <filesystem>
#include <format>

#include "base/files.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/relay.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

Result<Answer> run_ls(Session& session, const Args&) {
  const auto contexts = TRY(session.contexts());
  Table table({"CURRENT", "NAME", "SOCKET", "CONTAINER"});
  for (const auto& [name, entry] : contexts.entries) {
    table.row({name == contexts.current ? "*" : "", name, entry.socket, entry.container});
    for (const auto& [machine, door] : entry.machines)
      table.row({"", std::format("{} --machine {}", name, machine), door.socket, door.container});
  }
  Answer answer{to_json(contexts), table.render(session.style())};
  if (table.empty() && !session.style().plain)
    answer.text = "no contexts: the daemon of this computer is meant\n";
  return answer;
}

Result<Answer> run_use(Session& session, const Args& args) {
  auto contexts = TRY(session.contexts());
  const auto name = args.get("NAME");
  TRY(resolve_context(contexts, {{}, name, {}}));
  contexts.current = name;
  TRY(session.save(contexts));
  return Answer{{{"current", name}}, std::format("current context: {}\n", name)};
}

Result<Answer> run_rm(Session& session, const Args& args) {
  auto contexts = TRY(session.contexts());
  const auto name = args.get("NAME");
  TRY(resolve_context(contexts, {{}, name, {}}));
  contexts.entries.erase(name);
  if (contexts.current == name) contexts.current.clear();
  TRY(session.save(contexts));
  return Answer{{{"removed", name}}, std::format("removed context {}\n", name)};
}

Result<Answer> run_completion(Session&, const Args& args) {
  const auto shell = args.get("SHELL");
  const std::vector<std::string> known{"bash", "zsh", "fish"};
  if (!std::ranges::contains(known, shell))
    return fail(Code::invalid, std::format("no completion for '{}'", shell), "bash, zsh or fish");
  const auto script = completion_script(shell);
  return Answer{{{"script", script}}, script};
}

// Completion must never print an error into the middle of what is being typed.
std::vector<std::string> names_from_cluster(Session& session, Names names) {
  std::vector<std::string> out;
  if (names == Names::context) {
    if (const auto contexts = session.contexts())
      for (const auto& [name, entry] : contexts->entries) out.push_back(name);
    return out;
  }
  if (names == Names::nothing || names == Names::file) return out;
  const auto client = session.client();
  if (!client) return out;
  const auto collect = [&](const Result<Json>& document, std::string_view list,
                           const std::function<std::string(const Json&)>& name) {
    if (!document) return;
    for (const Json& item : list_of(*document, list)) out.push_back(name(item));
  };
  const auto member = [](std::string_view key) {
    return [key](const Json& item) { return text_of(item, key); };
  };
  if (names == Names::name_space)
    collect((*client)->namespaces(), "namespaces", member("namespace"));
  if (names == Names::operation) collect((*client)->operations(100), "operations", member("id"));
  if (names == Names::instance) collect((*client)->instances(""), "instances", member("id"));
  if (names == Names::invite) collect((*client)->invites(), "invites", member("id"));
  if (names == Names::machine)
    collect((*client)->machines(), "machines",
            [](const Json& item) { return text_of(object_of(item, "machine"), "name"); });
  if (names == Names::service)
    collect((*client)->instances(""), "instances", [](const Json& item) {
      return text_of(item, "namespace") + "/" + text_of(item, "service");
    });
  if (names == Names::volume)
    collect((*client)->volumes(""), "volumes", [](const Json& item) {
      return text_of(item, "namespace") + "/" + text_of(item, "volume");
    });
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

Result<Answer> run_complete(Session& session, const Args& args) {
  std::string text;
  const auto words = complete_words(command_tree(), args.all("WORD"), [&](Names names) {
    return names_from_cluster(session, names);
  });
  for (const auto& word : words) text += word + "\n";
  return Answer{{{"words", words}}, text};
}

Result<Answer> run_docs(Session&, const Args& args) {
  const std::filesystem::path folder = args.get("DIR");
  const auto pages = manual_pages(command_tree());
  for (const auto& [name, text] : pages) TRY(write_file(folder / name, text));
  return Answer{{{"pages", pages.size()}}, std::format("{} pages\n", pages.size())};
}

Result<Answer> run_relay(Session& session, const Args&) {
  const auto& socket = session.flags().socket;
  TRY(carry_stdio(socket.empty() ? "/run/ployz/ployzd.sock" : socket));
  return Answer{};  // stdout carried another program's bytes: nothing may follow them
}

}  // namespace

CommandSpec context_command() {
  const PositionalSpec name{"NAME", "of a context", true, false, Names::context};
  return {.name = "context",
          .summary = "Whom plain ployzctl talks to",
          .description = "--socket, --context and PLOYZ_CONTEXT go before the current context.",
          .examples = {"ployzctl context ls", "ployzctl context use dev-local"},
          .children = {{.name = "ls",
                        .summary = "Every context",
                        .examples = {"ployzctl context ls"},
                        .run = run_ls,
                        .aliases = {"list"}},
                       {.name = "use",
                        .summary = "Make a context the current one",
                        .examples = {"ployzctl context use dev-local"},
                        .positionals = {name},
                        .run = run_use},
                       {.name = "rm",
                        .summary = "Forget a context; its machine is not touched",
                        .examples = {"ployzctl context rm dev-local"},
                        .positionals = {name},
                        .run = run_rm}}};
}

CommandSpec completion_command() {
  return {.name = "completion",
          .summary = "The completion script of a shell",
          .examples = {"source <(ployzctl completion bash)", "ployzctl completion fish | source"},
          .positionals = {{"SHELL", "bash, zsh or fish"}},
          .run = run_completion};
}

std::vector<CommandSpec> internal_commands() {
  std::vector<CommandSpec> out;
  out.push_back({.name = "__complete",
                 .summary = "Candidates for the last word",
                 .positionals = {{"WORD", "what was typed", false, true}},
                 .run = run_complete,
                 .hidden = true});
  out.push_back({.name = "__docs",
                 .summary = "Write docs/cli",
                 .positionals = {{"DIR", "where"}},
                 .run = run_docs,
                 .hidden = true});
  out.push_back({.name = "__relay",
                 .summary = "Carry stdin and stdout to the control socket",
                 .run = run_relay,
                 .hidden = true});
  return out;
}

}  // namespace ployz::cli

// namespace, log, show: commits and what they consist of.
#include <format>

#include "base/digest.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

Result<Answer> run_ls(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->namespaces());
  Table table({"NAMESPACE", "SERVICES", "INSTANCES", "COMMIT", "COMMITTED", "ENDPOINTS"});
  for (const Json& entry : list_of(document, "namespaces")) {
    uint64_t instances = 0;
    for (const Json& service : list_of(entry, "services"))
      instances += number_of(service, "instances");
    std::string endpoints;
    for (const Json& endpoint : list_of(entry, "endpoints"))
      if (text_of(endpoint, "kind") != "dns")
        endpoints += (endpoints.empty() ? "" : " ") + text_of(endpoint, "where");
    table.row({text_of(entry, "namespace"), std::format("{}", list_of(entry, "services").size()),
               std::format("{}", instances), text_of(entry, "id"),
               format_age(number_of(entry, "created_at_ms"), session.host().now_ms()), endpoints});
  }
  Answer answer{std::move(document), table.render(session.style())};
  if (table.empty() && !session.style().plain) answer.text = "no namespaces\n";
  return answer;
}

std::string commit_text(Session& session, const Json& entry) {
  const Json& commit = object_of(entry, "commit");
  auto text =
      render_fields({{"namespace", text_of(commit, "namespace")},
                     {"commit", std::format("{} ({}, sequence {}, after {})", text_of(commit, "id"),
                                            text_of(commit, "kind"), text_of(entry, "sequence"),
                                            text_of(commit, "parent_sequence"))},
                     {"operation", text_of(commit, "operation")},
                     {"committed", format_time(number_of(commit, "created_at_ms"))},
                     {"manifest", text_of(commit, "manifest_digest")}},
                    session.style());
  if (flag_of(commit, "removed")) return text + "the namespace ends here\n";
  Table services({"SERVICE", "IMAGE", "IMAGE ID", "REVISION", "INSTANCE", "ADDRESS", "MACHINE"});
  for (const Json& item : list_of(commit, "services")) {
    const Json& service = object_of(item, "service");
    const Json& container = object_of(service, "container");
    for (const Json& instance : list_of(item, "instances"))
      services.row({text_of(service, "name"), text_of(container, "image"),
                    short_digest(text_of(container, "image_id")),
                    short_digest(text_of(item, "revision")), text_of(instance, "id"),
                    text_of(instance, "address"), text_of(instance, "machine")});
  }
  if (!services.empty()) text += "\n" + services.render(session.style());
  return text;
}

Result<Answer> run_inspect(Session& session, const Args& args) {
  const auto name = TRY(namespace_arg(args)).value;
  const auto* client = TRY(session.client());
  Json entry = TRY(client->namespace_inspect(name));
  auto text = commit_text(session, entry);
  Table endpoints({"ENDPOINT", "KIND", "SERVICE"});
  for (const Json& endpoint : list_of(entry, "endpoints"))
    endpoints.row(
        {text_of(endpoint, "where"), text_of(endpoint, "kind"), text_of(endpoint, "service")});
  if (!endpoints.empty()) text += "\n" + endpoints.render(session.style());
  return Answer{std::move(entry), std::move(text)};
}

Result<Answer> run_rm(Session& session, const Args& args) {
  const auto name = TRY(namespace_arg(args)).value;
  const bool volumes = args.has("volumes");
  if (args.has("dry-run")) {
    const auto* client = TRY(session.client());
    return preview_answer(session, TRY(client->namespace_rm_preview(name, volumes)));
  }
  if (volumes && !args.has("yes"))
    return fail(Code::invalid, std::format("this deletes the data of {} for good", name),
                "repeat it with --yes");
  return operation_answer(session,
                          TRY(session.change([&](const ApiClient& client, const EventSink& events) {
                            return client.namespace_rm(name, volumes, events);
                          })));
}

Result<Answer> run_log(Session& session, const Args& args) {
  const auto name = TRY(namespace_arg(args)).value;
  const auto limit = TRY(args.number("limit", 50, 10000));
  const auto* client = TRY(session.client());
  Json document = TRY(client->log(name, limit));
  Table table({"COMMIT", "KIND", "COMMITTED", "OPERATION", "SERVICES"});
  for (const Json& entry : list_of(document, "commits")) {
    std::string services;
    for (const Json& service : list_of(entry, "services"))
      services +=
          std::format("{}{}={} ({})", services.empty() ? "" : ", ", text_of(service, "name"),
                      text_of(service, "image"), text_of(service, "instances"));
    if (flag_of(entry, "removed")) services = "(removed)";
    table.row({text_of(entry, "id"), text_of(entry, "kind"),
               format_age(number_of(entry, "created_at_ms"), session.host().now_ms()),
               text_of(entry, "operation"), services});
  }
  return Answer{std::move(document), table.render(session.style())};
}

Result<Answer> run_show(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  Json entry = TRY(client->show(args.get("COMMIT")));
  auto text = commit_text(session, entry);
  return Answer{std::move(entry), std::move(text)};
}

}  // namespace

CommandSpec namespace_command() {
  const PositionalSpec name{"NAMESPACE", "its name", true, false, Names::name_space};
  return {.name = "namespace",
          .summary = "Namespaces: the unit of deploy",
          .examples = {"ployzctl namespace ls"},
          .children = {{.name = "ls",
                        .summary = "Every namespace with its newest commit",
                        .examples = {"ployzctl namespace ls"},
                        .run = run_ls,
                        .aliases = {"list"}},
                       {.name = "inspect",
                        .summary = "What a namespace consists of, and where it answers",
                        .examples = {"ployzctl namespace inspect shop"},
                        .positionals = {name},
                        .run = run_inspect},
                       {.name = "rm",
                        .summary = "Remove a namespace's services and routes, in one commit",
                        .description = "Volumes stay unless --volumes is given.",
                        .examples = {"ployzctl namespace rm shop --dry-run",
                                     "ployzctl namespace rm shop"},
                        .options = {{"dry-run", 'n', "", "only show what would be done"},
                                    {"volumes", 0, "", "delete its data too"},
                                    {"yes", 'y', "", "do not ask"}},
                        .positionals = {name},
                        .run = run_rm}},
          .aliases = {"ns"}};
}

CommandSpec log_command() {
  return {.name = "log",
          .summary = "The commits of a namespace, newest first",
          .examples = {"ployzctl log shop", "ployzctl log shop --limit 5"},
          .options = {{"limit", 0, "N", "at most so many (50)"}},
          .positionals = {{"NAMESPACE", "its name", true, false, Names::name_space}},
          .run = run_log};
}

CommandSpec show_command() {
  return {.name = "show",
          .summary = "One commit: what the namespace consisted of from then on",
          .examples = {"ployzctl show 01jm3k"},
          .positionals = {{"COMMIT", "id, or a prefix no other has"}},
          .run = run_show};
}

}  // namespace ployz::cli

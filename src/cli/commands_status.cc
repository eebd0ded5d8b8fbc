// status and ps: what there is, asked live.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"
#include "model/names.h"

namespace ployz::cli {
namespace {

Result<Answer> run_status(Session& session, const Args&) {
  const auto* client = TRY(session.client());
  Json status = TRY(client->status());
  const auto network = text_of(status, "network");
  const auto& machine = object_of(status, "machine");
  const std::string unfinished = joined(list_of(status, "unfinished"));
  Answer answer;
  answer.text = render_fields(
      {{"network", network.empty()              ? "none (ployzctl mesh init NAME)"
                   : status.contains("removed") ? network + ", which has removed this machine"
                                                : network},
       {"machine", machine.empty() ? "-"
                                   : std::format("{} ({})", text_of(machine, "name"),
                                                 text_of(machine, "overlay_address"))},
       {"daemon", std::format("ployzd {}, up since {}", text_of(status, "version"),
                              format_time(number_of(status, "started_at_ms")))},
       {"namespaces", text_of(status, "namespaces")},
       {"instances", text_of(status, "instances")},
       {"unfinished operations", unfinished.empty() ? "none" : unfinished}},
      session.style());
  Table table({"COMPONENT", "STATE", "DETAIL"});
  bool healthy = true;
  for (const Json& component : list_of(status, "components")) {
    healthy = healthy && flag_of(component, "healthy");
    table.row({text_of(component, "name"), flag_of(component, "healthy") ? "ok" : "FAILED",
               text_of(component, "detail")});
  }
  if (!table.empty()) answer.text += "\n" + table.render(session.style());
  answer.exit_code = healthy ? 0 : 1;
  answer.document = std::move(status);
  return answer;
}

Result<Answer> run_ps(Session& session, const Args& args) {
  const auto name = args.get("NAMESPACE");
  if (!name.empty()) TRY(check_dns_label(name, "namespace name"));
  const auto* client = TRY(session.client());
  Json document = TRY(client->instances(name));
  Table table(
      {"NAMESPACE", "SERVICE", "INSTANCE", "MACHINE", "ADDRESS", "STATE", "STARTED", "IMAGE"});
  for (const Json& instance : list_of(document, "instances")) {
    auto state = text_of(instance, "state");
    if (state == "exited") state += std::format(" ({})", text_of(instance, "exit_code"));
    if (!flag_of(instance, "committed")) state += ", not in the commit";
    table.row({text_of(instance, "namespace"), text_of(instance, "service"),
               text_of(instance, "id"), text_of(instance, "machine_name"),
               text_of(instance, "address"), state,
               format_age(number_of(instance, "started_at_ms"), session.host().now_ms()),
               text_of(instance, "image")});
  }
  Answer answer{std::move(document), table.render(session.style())};
  if (table.empty() && !session.style().plain) answer.text = "no instances\n";
  return answer;
}

}  // namespace

CommandSpec status_command() {
  return {.name = "status",
          .summary = "Is this machine's part of the cluster healthy",
          .description = "Exit code 1 when a component is not.",
          .examples = {"ployzctl status", "ployzctl status --json"},
          .run = run_status};
}

CommandSpec ps_command() {
  return {.name = "ps",
          .summary = "Instances, asked for live",
          .examples = {"ployzctl ps", "ployzctl ps shop"},
          .positionals = {{"NAMESPACE", "only of this one", false, false, Names::name_space}},
          .run = run_ps};
}

}  // namespace ployz::cli

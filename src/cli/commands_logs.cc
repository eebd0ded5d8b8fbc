// logs, exec: what instances say, and running something in one.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

// "shop/web" is a service; anything else an instance's id or a prefix of one.
struct Target {
  std::string name_space;
  std::string service;
  std::string instance;
};

Result<std::string> find_instance(const ApiClient& client, const Target& target) {
  std::vector<std::string> found;
  const Json document = TRY(client.instances(target.name_space));
  for (const Json& instance : list_of(document, "instances")) {
    const auto id = text_of(instance, "id");
    if (target.instance.empty()) {
      // Of a service: one that serves.
      if (text_of(instance, "service") == target.service && flag_of(instance, "committed") &&
          text_of(instance, "state") == "running")
        return id;
    } else if (id.starts_with(target.instance)) {
      found.push_back(id);
    }
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1)
    return fail(Code::conflict,
                std::format("{} instances begin with '{}'", found.size(), target.instance),
                std::format("{}, {}, …", found[0], found[1]));
  if (target.instance.empty())
    return fail(Code::not_found,
                std::format("no running instance of {}/{}", target.name_space, target.service),
                std::format("ployzctl ps {}", target.name_space));
  return fail(Code::not_found, std::format("no instance '{}'", target.instance), "ployzctl ps");
}

Result<Target> parse_target(const std::string& text) {
  if (!text.contains('/')) return Target{{}, {}, text};
  auto path = TRY(parse_service_path(text));
  return Target{path.name_space, path.service, {}};
}

Result<Answer> run_logs(Session& session, const Args& args) {
  const bool follow = args.has("follow");
  if (follow && session.flags().json)
    return fail(Code::invalid, "--follow has no end, so it cannot be one JSON document",
                "leave out --json or --follow");
  const auto target = TRY(parse_target(args.get("TARGET")));
  LogsRequest request;
  request.lines = TRY(args.number("lines", 100, 100000));
  request.follow = follow;
  const auto* client = TRY(session.client());
  if (target.service.empty()) request.instance = InstanceId(TRY(find_instance(*client, target)));
  request.name_space = NamespaceName(target.name_space);
  request.service = ServiceName(target.service);
  Json chunks = Json::array();
  std::string last;
  const auto show = [&](const LogChunk& chunk) {
    if (session.flags().json) {
      chunks.push_back(to_json(chunk));
      return true;
    }
    if (!request.service.empty() && chunk.instance.str() != last) {
      last = chunk.instance.str();
      session.host().write_out(std::format("==> {} <==\n", last));
    }
    session.host().write_out(chunk.text);
    return true;
  };
  TRY(client->logs(request, show, {}));
  return Answer{{{"logs", std::move(chunks)}}, ""};
}

Result<Answer> run_exec(Session& session, const Args& args) {
  const auto target = TRY(parse_target(args.get("TARGET")));
  ExecRequest request;
  request.command = args.all("COMMAND");
  request.timeout_ms = 1000 * TRY(args.number("timeout", 60, 3600));
  const auto* client = TRY(session.client());
  request.instance = InstanceId(TRY(find_instance(*client, target)));
  Json result = TRY(client->exec(request));
  Answer answer;
  answer.text = text_of(result, "output");
  answer.exit_code = static_cast<int>(number_of(result, "exit_code"));
  answer.document = std::move(result);
  return answer;
}

}  // namespace

CommandSpec logs_command() {
  return {
      .name = "logs",
      .summary = "What an instance, or every instance of a service, printed",
      .examples = {"ployzctl logs shop/web", "ployzctl logs shop/web --follow",
                   "ployzctl logs 01jm3k --lines 20"},
      .options = {{"follow", 'f', "", "go on with what is printed from now on"},
                  {"lines", 'n', "N", "the last so many lines (100)"}},
      .positionals = {{"TARGET", "NAMESPACE/SERVICE, or an instance", true, false, Names::service}},
      .run = run_logs};
}

CommandSpec exec_command() {
  return {
      .name = "exec",
      .summary = "Run a command in an instance, or in a running one of a service",
      .description = "Its exit code becomes ours.",
      .examples = {"ployzctl exec shop/web -- cat /etc/hostname"},
      .options = {{"timeout", 0, "SECONDS", "end it after so long (60)"}},
      .positionals = {{"TARGET", "NAMESPACE/SERVICE, or an instance", true, false, Names::service},
                      {"COMMAND", "and its arguments", true, true}},
      .run = run_exec};
}

}  // namespace ployz::cli

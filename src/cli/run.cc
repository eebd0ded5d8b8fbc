#include "cli/run.h"

#include <format>

#include "base/version.h"
#include "cli/help.h"
#include "cli/parse.h"
#include "cli/render.h"
#include "cli/session.h"

namespace ployz::cli {
namespace {

// Before parsing has succeeded there are no flags, but its error must have the right form.
bool wants_json(CliHost& host, const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (word == "--") break;
    if (word == "--json") return true;
  }
  return host.env("PLOYZ_JSON").has_value();
}

void report(CliHost& host, const Error& error, bool json) {
  if (json)
    host.write_out(
        Json{{"error", error_to_json(error)}}.dump(2, ' ', false, Json::error_handler_t::replace) +
        "\n");
  else
    host.write_err(std::format("ployzctl: {}\n", printable(error.line())));
}

void print(CliHost& host, const Answer& answer, bool json) {
  if (answer.error)
    report(host, *answer.error, json);
  else if (json)
    host.write_out(answer.document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    host.write_out(answer.text);
}

// What is not the store's own word says so, beside the answer.
void tell_age(Session& session, const Json& document) {
  const Json& as_of = object_of(document, "as_of");
  if (as_of.empty() || session.flags().json) return;
  session.notice(std::format("the store does not answer; this is the copy of {}, {} old (commit {})",
                             format_time(number_of(as_of, "at_ms")),
                             format_duration(number_of(as_of, "age_ms")),
                             number_of(as_of, "commit")));
}

Result<int> run_words(CliHost& host, const std::vector<std::string>& words) {
  const auto invocation = TRY(parse(command_tree(), words));
  if (invocation.wants_version()) {
    Answer answer{{{"version", version()}}, std::format("ployzctl {}\n", version())};
    print(host, answer, wants_json(host, words));
    return 0;
  }
  if (invocation.help) {
    host.write_out(help_text(invocation.path));
    return 0;
  }
  Session session(host, TRY(global_flags(host, invocation.args)));
  const Answer answer = TRY(invocation.command().run(session, invocation.args));
  tell_age(session, answer.document);
  print(host, answer, session.flags().json);
  return answer.exit_code;
}

}  // namespace

int exit_code_of(const Error& error) {
  if (error.code == Code::invalid) return 2;
  if (error.effect != Effect::none) return 1;
  switch (error.code) {
    case Code::not_found:
    case Code::exists:
    case Code::conflict:
    case Code::precondition:
    case Code::unavailable:
    case Code::denied:
    case Code::unsupported:
      return 3;
    default:
      return 1;
  }
}

int run_cli(CliHost& host, const std::vector<std::string>& words) {
  const auto code = run_words(host, words);
  if (code) return *code;
  report(host, code.error(), wants_json(host, words));
  return exit_code_of(code.error());
}

}  // namespace ployz::cli

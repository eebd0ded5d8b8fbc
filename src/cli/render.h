// Reading the daemon's documents for display: what is absent or of another type shows as nothing,
// because a newer or older daemon must not break a table. And the texts several commands share.
#pragma once

#include <format>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "plan/change_request.h"
#include "cli/command.h"
#include "cli/session.h"

namespace ployz::cli {

[[nodiscard]] std::string text_of(const Json& object, std::string_view key);
[[nodiscard]] uint64_t number_of(const Json& object, std::string_view key);
[[nodiscard]] bool flag_of(const Json& object, std::string_view key);
// An empty array or object when it is absent. The reference is into the document, so a temporary
// one does not compile.
[[nodiscard]] const Json& list_of(const Json& object, std::string_view key);
[[nodiscard]] const Json& object_of(const Json& object, std::string_view key);
const Json& list_of(Json&& object, std::string_view key) = delete;
const Json& object_of(Json&& object, std::string_view key) = delete;
// The strings among them, "a, b"; as they are, not made printable.
[[nodiscard]] std::string joined(const Json& strings, std::string_view separator = ", ");
// A part of a document as a document: how fresh it is stays with it.
[[nodiscard]] Json part_of(const Json& document, const Json& part);

// How an operation ended: its summary and changes, the exit code of its outcome.
[[nodiscard]] Answer operation_answer(Session& session, Json operation);
// "web  3 instances  replaced …" lines of a preview or an operation.
[[nodiscard]] std::string render_changes(const Json& changes, const Style& style);
[[nodiscard]] Answer preview_answer(Session& session, Json preview);

// Runs one change of a namespace, or with --dry-run only shows it.
[[nodiscard]] Result<Answer> change_answer(Session& session, const ChangeRequest& request,
                                           bool preview);

// The namespace that a positional names.
[[nodiscard]] Result<NamespaceName> namespace_arg(const Args& args,
                                                  const std::string& positional = "NAMESPACE");
// --consistency; nullopt: not given.
[[nodiscard]] Result<std::optional<Consistency>> consistency_arg(const Args& args);
[[nodiscard]] OptionSpec consistency_option(std::string help);
[[nodiscard]] OptionSpec dry_run_option();
// A repeated --option NAME=WORD, as `parse` reads the word; `words`: what it knows.
template <class Name, class Word>
[[nodiscard]] Result<std::map<Name, Word>> named_words(const Args& args, const std::string& option,
                                                       Result<Word> (*parse)(std::string_view),
                                                       std::string_view words) {
  std::map<Name, Word> named;
  for (const std::string& text : args.all(option)) {
    const size_t equal = text.find('=');
    const auto word = parse(equal == std::string::npos ? "" : text.substr(equal + 1));
    if (equal == 0 || !word) {
      return fail(Code::invalid, std::format("--{}: '{}' is not {}", option, text, words));
    }
    named[Name(text.substr(0, equal))] = *word;
  }
  return named;
}

// "shop/pgdata" → namespace and volume, both there. `invalid` otherwise.
struct VolumePath {
  NamespaceName name_space;
  VolumeName volume;
};
[[nodiscard]] Result<VolumePath> parse_volume_path(std::string_view text);

// "shop/web" → namespace and service; the service may be absent. `invalid` otherwise.
struct ServicePath {
  std::string name_space;
  std::string service;
};
[[nodiscard]] Result<ServicePath> parse_service_path(std::string_view text);

}  // namespace ployz::cli

// machine storage: which machines hold the control plane's store.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"
#include "model/store.h"

namespace ployz::cli {
namespace {

std::string names_of(const Json& list) {
  return printable(joined(list));
}

Answer promote_answer(Json document) {
  Answer answer;
  const std::string outcome = text_of(document, "outcome");
  const std::string where = std::format("the control plane's store: epoch {} on {}",
                                        number_of(document, "epoch"),
                                        names_of(list_of(document, "machines")));
  answer.text = where + "\n";
  if (outcome == "preview") answer.text += "preview; nothing was changed\n";
  if (outcome == "unchanged") answer.text += "it is there already\n";
  if (outcome == "committed") {
    answer.text += std::format("{} messages moved and compared; no writes for {}\n",
                               number_of(object_of(document, "copied"), "messages"),
                               format_duration(number_of(document, "frozen_ms")));
  }
  if (const Json& silent = list_of(document, "silent"); !silent.empty()) {
    answer.text += std::format("not heard of yet, will follow: {}\n", names_of(silent));
  }
  answer.document = std::move(document);
  return answer;
}

std::string copies_text(const Json& document) {
  std::string text;
  for (const Json& copy : list_of(document, "copies")) {
    text += printable(std::format("copy on {}: up to commit {}, {} writes of records, everything of "
                                  "{} ago",
                                  text_of(copy, "machine_name"), number_of(copy, "commits"),
                                  number_of(copy, "records"),
                                  format_duration(number_of(copy, "window_ms")))) +
            "\n";
  }
  if (const Json& without = list_of(document, "incomplete"); !without.empty()) {
    text += "without a complete copy: " + names_of(without) + "\n";
  }
  if (const Json& silent = list_of(document, "silent"); !silent.empty()) {
    text += "do not answer: " + names_of(silent) + "\n";
  }
  return text;
}

Answer recover_answer(Json document) {
  Answer answer;
  answer.text = copies_text(document);
  answer.text += std::format(
      "what was acknowledged in the last {} may be missing; known to be missing: {} commits, {} "
      "writes of records\n",
      format_duration(number_of(document, "window_ms")), number_of(document, "missing_commits"),
      number_of(document, "missing_records"));
  if (const Json& behind = list_of(document, "behind"); !behind.empty()) {
    answer.text += "not heard of yet, will follow: " + names_of(behind) + "\n";
  }
  answer.text += text_of(document, "outcome") == "preview"
                     ? "preview; nothing was changed\n"
                     : std::format("the control plane's store: epoch {}, restored: {} commits, {} "
                                   "records\n",
                                   number_of(document, "epoch"),
                                   number_of(document, "restored_commits"),
                                   number_of(document, "restored_records"));
  answer.document = std::move(document);
  return answer;
}

Result<Answer> run_recover(Session& session, const Args& args) {
  return recover_answer(TRY(session.change([&](const ApiClient& client, const EventSink& events) {
    return client.storage_recover(args.has("dry-run"), args.has("yes"), events);
  })));
}

Result<Answer> run_promote(Session& session, const Args& args) {
  const uint64_t replicas = TRY(args.number("replicas", 0, kMostReplicas));
  Json request = Json::object();
  request["replicas"] = replicas;
  request["machines"] = args.all("MACHINE");
  request["preview"] = args.has("dry-run");
  return promote_answer(TRY(session.change([&](const ApiClient& client, const EventSink& events) {
    return client.storage_promote(request, events);
  })));
}

}  // namespace

CommandSpec machine_storage_command() {
  return {.name = "storage",
          .summary = "Which machines hold the control plane's store",
          .examples = {"ployzctl machine storage promote --replicas 3 m2 m3"},
          .children = {
              {.name = "promote",
               .summary = "The store moves to one, three or five machines",
               .description =
                   "With three copies the network takes changes while any one of them is away, with "
                   "five while any two are.\nMachines that hold it now stay, as far as named ones "
                   "leave room. For a moment nothing can be changed;\nwhat runs is not touched. "
                   "Whatever fails before the new store is in force leaves the old one as it was.",
               .examples = {"ployzctl machine storage promote --replicas 3 m2 m3",
                            "ployzctl machine storage promote --replicas 1 m2",
                            "ployzctl machine storage promote --replicas 3 m2 m3 --dry-run"},
               .options = {{.name = "replicas", .value = "N", .help = "1, 3 or 5",
                            .choices = {"1", "3", "5"}},
                           dry_run_option()},
               .positionals = {{"MACHINE", "names or ids", false, true, Names::machine, true}},
               .run = run_promote},
              {.name = "recover",
               .summary = "The store is gone for good: a survivor's copy becomes the store",
               .description =
                   "Run on the machine whose copy is the most advanced; another one says which that "
                   "is. Refused while a\nmachine that holds the store is alive. Says how far each "
                   "copy reaches and what may be missing. A\ncommand that was cut off is given "
                   "again. The others follow by themselves, the former holder too,\nshould it come "
                   "back; one that never will: ployzctl machine rm --force.",
               .examples = {"ployzctl machine storage recover --dry-run",
                            "ployzctl machine storage recover --yes"},
               .options = {dry_run_option(),
                           {"yes", 'y', "", "what the copy lacks may be lost"}},
               .run = run_recover}}};
}

}  // namespace ployz::cli

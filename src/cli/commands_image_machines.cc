// image distribute, image status IMAGE: images between machines, without this computer.
#include <algorithm>
#include <format>

#include "base/digest.h"
#include "cli/image_machines.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

std::vector<std::string> split(const std::vector<std::string>& values) {
  std::vector<std::string> words;
  for (const std::string& value : values)
    for (size_t begin = 0; begin <= value.size();) {
      const size_t end = std::min(value.find(',', begin), value.size());
      if (end > begin) words.push_back(value.substr(begin, end - begin));
      begin = end + 1;
    }
  return words;
}

bool means_all(const std::vector<std::string>& to) { return split(to) == std::vector<std::string>{"all"}; }

std::string said_of(const Json& report) {
  const Json& error = object_of(report, "error");
  if (!error.empty()) return error_from_json(error).line();
  if (text_of(report, "outcome") == "unchanged") return "has it already";
  return std::format("{} sent, {} layers", format_bytes(number_of(report, "sent_bytes")),
                     number_of(report, "layers_sent"));
}

Result<Answer> run_distribute(Session& session, const Args& args) {
  const auto to = args.all("to");
  if (to.empty())
    return fail(Code::invalid, "--to is missing", "machine names, or all; ployzctl machine ls");
  const auto* client = TRY(session.client());
  std::vector<NamedMachine> from;
  if (args.has("from")) from = TRY(machines_named(*client, {args.get("from")}));
  if (args.has("from") && from.size() != 1)
    return fail(Code::invalid, "--from names one machine", "ployzctl machine ls");
  const auto machines =
      means_all(to) ? std::vector<NamedMachine>{} : TRY(machines_named(*client, to));
  return distribute(session, args.get("IMAGE"), from.empty() ? nullptr : &from.front(), machines);
}

}  // namespace

Result<std::vector<NamedMachine>> machines_named(const ApiClient& client,
                                                 const std::vector<std::string>& to) {
  const auto words = split(to);
  std::vector<NamedMachine> found;
  std::vector<std::string> left = words;
  std::string known;
  const Json document = TRY(client.machines());
  for (const Json& report : list_of(document, "machines")) {
    const Json& machine = object_of(report, "machine");
    NamedMachine named{text_of(machine, "id"), text_of(machine, "name"), flag_of(report, "self")};
    known += (known.empty() ? "" : ", ") + named.name;
    const auto count = std::erase_if(
        left, [&](const std::string& word) { return word == named.name || word == named.id; });
    if (count > 0 || means_all(to)) found.push_back(std::move(named));
  }
  if (left.empty() || means_all(to)) return found;
  return fail(Code::not_found, std::format("no machine '{}'", left.front()), "there is " + known);
}

Result<Answer> distribute(Session& session, const std::string& reference, const NamedMachine* from,
                          const std::vector<NamedMachine>& to) {
  DistributeRequest request;
  request.reference = reference;
  if (from != nullptr) request.from = MachineId(from->id);
  for (const NamedMachine& machine : to) request.to.emplace_back(machine.id);
  Json document = TRY(session.change([&](const ApiClient& client, const EventSink& events) {
    return client.image_distribute(request, events);
  }));
  Table table({"MACHINE", "OUTCOME", ""});
  for (const Json& report : list_of(document, "machines"))
    table.row({text_of(report, "machine_name"), text_of(report, "outcome"), said_of(report)});
  Answer answer;
  answer.text = table.empty() ? "every machine has it already\n" : table.render(session.style());
  answer.exit_code = text_of(document, "outcome") == "failed" ? 1 : 0;
  answer.document = std::move(document);
  return answer;
}

CommandSpec image_distribute_command() {
  return {.name = "distribute",
          .summary = "Send an image from one machine to others",
          .description = "Directly between the machines, and only the layers they lack. What has "
                         "arrived stays: after a failure the same command goes on.",
          .examples = {"ployzctl image distribute ployz-samples/web:1 --to all",
                       "ployzctl image distribute ployz-samples/web:1 --from m1 --to m2,m3"},
          .options = {{"from", 0, "MACHINE", "where to take it from (any that has it)", false, {},
                       Names::machine},
                      {"to", 0, "MACHINES", "names with commas between, or all", true, {},
                       Names::machine}},
          .positionals = {{"IMAGE", "reference"}},
          .run = run_distribute};
}

Result<Answer> image_on_machines(Session& session, const std::string& reference) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->image_status(reference));
  Table table({"MACHINE", "IMAGE", "ID"});
  for (const Json& status : list_of(document, "machines")) {
    const Json& error = object_of(status, "error");
    const bool present = flag_of(status, "present");
    table.row({text_of(status, "machine_name"),
               !error.empty() ? "unknown" : present ? "present" : "absent",
               !error.empty() ? error_from_json(error).line()
               : present      ? short_digest(text_of(status, "image_id"))
                              : "-"});
  }
  return Answer{std::move(document), table.render(session.style())};
}

}  // namespace ployz::cli

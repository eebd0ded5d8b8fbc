// volume: names in a namespace, and the datasets behind them.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

std::string origin_of(const Json& volume) {
  const Json& origin = object_of(volume, "origin");
  return origin.empty() ? "-" : text_of(origin, "dataset");
}

// Machines that did not answer may hold more.
std::string silent_text(const Json& document) {
  const std::string names = joined(list_of(document, "silent"));
  return names.empty() ? names : "not listed, because they do not answer: " + names + "\n";
}

Result<Answer> run_ls(Session& session, const Args& args) {
  const auto* client = TRY(session.client());
  Json document = TRY(client->volumes(args.get("NAMESPACE")));
  const bool all = args.has("all"), unreferenced = args.has("unreferenced");
  Json shown = Json::array();
  Table table({"NAMESPACE", "VOLUME", "DATASET", "MACHINE", "USED", "QUOTA", "SNAPSHOTS", "CREATED",
               "REFERENCED"});
  for (const Json& volume : list_of(document, "volumes")) {
    const bool referenced = flag_of(volume, "referenced");
    if (!all && referenced == unreferenced) continue;
    shown.push_back(volume);
    const uint64_t quota = number_of(object_of(volume, "spec"), "quota_bytes");
    table.row({text_of(volume, "namespace"), text_of(volume, "volume"),
               text_of(object_of(volume, "spec"), "id"), text_of(volume, "machine_name"),
               format_bytes(number_of(volume, "used_bytes")), quota == 0 ? "-" : format_bytes(quota),
               std::format("{}", list_of(volume, "snapshots").size()),
               format_age(number_of(volume, "created_at_ms"), session.host().now_ms()),
               referenced ? "yes" : "no"});
  }
  Answer answer;
  answer.text = table.render(session.style());
  if (table.empty() && !session.style().plain)
    answer.text = unreferenced ? "no unreferenced datasets\n" : "no volumes\n";
  if (!session.style().plain) answer.text += silent_text(document);
  document["volumes"] = std::move(shown);
  answer.document = std::move(document);
  return answer;
}

Result<Answer> run_inspect(Session& session, const Args& args) {
  const auto path = TRY(parse_volume_path(args.get("VOLUME")));
  const auto* client = TRY(session.client());
  const Json document = TRY(client->volumes(path.name_space.str()));
  for (const Json& volume : list_of(document, "volumes")) {
    if (!flag_of(volume, "referenced") || text_of(volume, "volume") != path.volume.str()) continue;
    const Json& spec = object_of(volume, "spec");
    const uint64_t quota = number_of(spec, "quota_bytes");
    auto text = render_fields(
        {{"volume", path.name_space.str() + "/" + path.volume.str()},
         {"dataset", text_of(spec, "id")},
         {"machine", text_of(volume, "machine_name")},
         {"used", format_bytes(number_of(volume, "used_bytes"))},
         {"quota", quota == 0 ? "none" : format_bytes(quota)},
         {"mode, owner", std::format("{} {}", text_of(spec, "mode"), text_of(spec, "owner"))},
         {"made by", text_of(spec, "operation")},
         {"cloned from", origin_of(volume)},
         {"created", format_time(number_of(volume, "created_at_ms"))}},
        session.style());
    Table snapshots({"SNAPSHOT", "TAKEN", "GUID"});
    for (const Json& snapshot : list_of(volume, "snapshots"))
      snapshots.row({text_of(snapshot, "name"), format_time(number_of(snapshot, "created_at_ms")),
                     text_of(snapshot, "guid")});
    if (!snapshots.empty()) text += "\n" + snapshots.render(session.style());
    return Answer{part_of(document, volume), std::move(text)};
  }
  return fail(Code::not_found, std::format("there is no volume {}", args.get("VOLUME")),
              "list them: ployzctl volume ls");
}

Result<Answer> run_snapshot(Session& session, const Args& args) {
  const VolumeSnapshotRequest request{TRY(namespace_arg(args)), TRY(consistency_arg(args))};
  return change_answer(session, request, args.has("dry-run"));
}

Result<Answer> run_rm(Session& session, const Args& args) {
  const auto path = TRY(parse_volume_path(args.get("VOLUME")));
  const bool preview = args.has("dry-run");
  if (!preview && !args.has("yes"))
    return fail(Code::invalid,
                std::format("this deletes the data of {}, that of former commits too, for good",
                            args.get("VOLUME")),
                "repeat it with --yes; or look first: --dry-run");
  return change_answer(session, VolumeRmRequest{path.name_space, path.volume}, preview);
}

Result<Answer> run_prune(Session& session, const Args& args) {
  const VolumePruneRequest request{TRY(namespace_arg(args)), TRY(args.number("keep", 0, 10000))};
  const bool preview = args.has("dry-run");
  if (!preview && !args.has("yes"))
    return fail(Code::invalid,
                std::format("this deletes the data that only former commits of {} name, for good",
                            request.name_space.str()),
                "repeat it with --yes; or look first: --dry-run");
  return change_answer(session, request, preview);
}

}  // namespace

CommandSpec volume_command() {
  const PositionalSpec name_space{"NAMESPACE", "its name", true, false, Names::name_space};
  const PositionalSpec volume{"VOLUME", "NAMESPACE/VOLUME", true, false, Names::volume};
  const OptionSpec dry_run = dry_run_option();
  const OptionSpec yes{"yes", 'y', "", "do not ask"};
  return {
      .name = "volume",
      .summary = "Volumes and the datasets behind them",
      .description = "Volumes outlive services. What a commit replaces is kept, so that one can go back, "
                     "until it is pruned.",
      .examples = {"ployzctl volume ls"},
      .children = {
          {.name = "ls",
           .summary = "Volumes, asked live",
           .examples = {"ployzctl volume ls", "ployzctl volume ls production --unreferenced"},
           .options = {{"unreferenced", 0, "", "only datasets that no newest commit names"},
                       {"all", 'a', "", "both"}},
           .positionals = {{"NAMESPACE", "only of this one", false, false, Names::name_space}},
           .run = run_ls,
           .aliases = {"list"}},
          {.name = "inspect",
           .summary = "One volume with its snapshots",
           .examples = {"ployzctl volume inspect production/pgdata"},
           .positionals = {volume},
           .run = run_inspect},
          {.name = "snapshot",
           .summary = "A commit that changes nothing but can be rolled back to",
           .description = "Of all volumes of the namespace: ployzctl rollback apply NAMESPACE --to "
                          "COMMIT --state commit",
           .examples = {"ployzctl volume snapshot production"},
           .options = {consistency_option("whether writers stand still"), dry_run},
           .positionals = {name_space},
           .run = run_snapshot},
          {.name = "rm",
           .summary = "Delete a volume that no service mounts, with its history",
           .examples = {"ployzctl volume rm production/old --dry-run",
                        "ployzctl volume rm production/old --yes"},
           .options = {dry_run, yes},
           .positionals = {volume},
           .run = run_rm},
          {.name = "prune",
           .summary = "Delete the data that only former commits name",
           .examples = {"ployzctl volume prune production --dry-run",
                        "ployzctl volume prune production --keep 3 --yes"},
           .options = {{"keep", 0, "N", "that of the last N former commits stays (0)"}, dry_run, yes},
           .positionals = {name_space},
           .run = run_prune}},
      .aliases = {"volumes"}};
}

}  // namespace ployz::cli

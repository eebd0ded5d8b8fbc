// branch, fork-volume: another namespace, or another volume, that starts from what is there.
#include <format>

#include "cli/commands.h"
#include "cli/lifetime.h"
#include "cli/render.h"
#include "model/manifest_render.h"

namespace ployz::cli {
namespace {

constexpr std::string_view kModes = "NAME=branch or NAME=fresh";

Result<BranchRequest> branch_request(const Args& args) {
  BranchRequest request;
  request.source = TRY(namespace_arg(args, "SOURCE"));
  request.target = TRY(namespace_arg(args, "TARGET"));
  request.service_mode = TRY(parse_branch_mode(args.get_or("service-mode", "branch")));
  request.volume_mode = TRY(parse_branch_mode(args.get_or("volume-mode", "fresh")));
  request.services = TRY(named_words<ServiceName>(args, "service", parse_branch_mode, kModes));
  request.volumes = TRY(named_words<VolumeName>(args, "volume", parse_branch_mode, kModes));
  request.consistency = TRY(consistency_arg(args));
  return request;
}

Result<Answer> run_preview(Session& session, const Args& args) {
  return change_answer(session, TRY(branch_request(args)), true);
}

Result<Answer> run_apply(Session& session, const Args& args) {
  return change_answer(session, TRY(branch_request(args)), args.has("dry-run"));
}

constexpr uint64_t kPreparedMs = 15 * 60'000;
constexpr uint64_t kMostPreparedMs = 7ull * 86'400'000;

Result<Answer> run_prepare(Session& session, const Args& args) {
  const auto request = TRY(branch_request(args));
  const uint64_t ttl_ms = TRY(lifetime_of(args, "expires-in", kPreparedMs, kMostPreparedMs));
  const auto* client = TRY(session.client());
  Json document = TRY(client->prepare(request, ttl_ms));
  Answer answer;
  answer.text = render_changes(list_of(document, "changes"), session.style());
  answer.text += render_fields(
      {{"prepared_deploy_id", text_of(document, "prepared_deploy_id")},
       {"expires_at", format_time(number_of(document, "expires_at_ms"))},
       {"apply it with", "ployzctl branch apply-prepared " + text_of(document, "prepared_deploy_id")}},
      session.style());
  document["expires_at"] = format_time(number_of(document, "expires_at_ms"));
  answer.document = std::move(document);
  return answer;
}

Result<Answer> run_apply_prepared(Session& session, const Args& args) {
  const auto id = args.get("ID");
  return operation_answer(session,
                          TRY(session.change([&](const ApiClient& client, const EventSink& events) {
                            return client.apply_prepared(id, events);
                          })));
}

Result<Answer> run_render(Session& session, const Args& args) {
  const auto request = TRY(branch_request(args));
  const auto* client = TRY(session.client());
  const Json document = TRY(client->manifest_of(request.source.str()));
  Manifest manifest = TRY(manifest_from_json(object_of(document, "manifest")));
  manifest.name_space = request.target;
  for (Service& service : manifest.services) {
    service.routes.clear();
    service.publish.clear();
  }
  const auto text = to_toml(manifest);
  return Answer{{{"manifest", text}}, text};
}

Result<Answer> run_fork(Session& session, const Args& args) {
  const auto from = TRY(parse_volume_path(args.get("VOLUME")));
  const auto to = TRY(parse_volume_path(args.get("NEW")));
  const ForkVolumeRequest request{from.name_space, from.volume, to.name_space, to.volume,
                                  TRY(consistency_arg(args))};
  return change_answer(session, request, args.has("dry-run"));
}

OptionSpec how_consistent() {
  return consistency_option(
      "writers stand still for the moment of the snapshot, or not (pause when several volumes)");
}

std::vector<OptionSpec> branch_options() {
  return {{"service-mode", 0, "MODE", "of services not named: the image that runs, or what its tag "
                                      "names now (branch)", false, {"branch", "fresh"}},
          {"volume-mode", 0, "MODE", "of volumes not named: a copy-on-write clone, or empty (fresh)",
           false, {"branch", "fresh"}},
          {"service", 0, "NAME=MODE", "of one service", true},
          {"volume", 0, "NAME=MODE", "of one volume", true},
          how_consistent()};
}

std::vector<OptionSpec> with(std::vector<OptionSpec> options, OptionSpec more) {
  options.push_back(std::move(more));
  return options;
}

}  // namespace

CommandSpec branch_command() {
  const std::vector<PositionalSpec> both{
      {"SOURCE", "the namespace to branch", true, false, Names::name_space},
      {"TARGET", "the new namespace"}};
  return {
      .name = "branch",
      .summary = "Fork a namespace, data included, as one commit",
      .description =
          "Clones are copy-on-write: the time does not depend on how much data there is. The branch\n"
          "is reached by its own names and never by the source's routes or published ports.",
      .examples = {"ployzctl branch apply production pr-17 --volume-mode branch",
                   "ployzctl branch preview production pr-17 --volume pgdata=branch"},
      .children = {{.name = "preview",
                    .summary = "What a branch would do; changes nothing",
                    .examples = {"ployzctl branch preview production pr-17"},
                    .options = branch_options(),
                    .positionals = both,
                    .run = run_preview},
                   {.name = "apply",
                    .summary = "Make the branch",
                    .examples = {"ployzctl branch apply production pr-17 --volume-mode branch"},
                    .options = with(branch_options(), dry_run_option()),
                    .positionals = both,
                    .run = run_apply},
                   {.name = "prepare",
                    .summary = "Save the plan of a branch, to be applied exactly so",
                    .examples = {"ployzctl branch prepare production pr-17 --expires-in 1h"},
                    .options = with(branch_options(),
                                    {"expires-in", 0, "TIME", "90s, 15m, 2h (15m)"}),
                    .positionals = both,
                    .run = run_prepare},
                   {.name = "apply-prepared",
                    .summary = "Apply a saved plan, unless it expired or a namespace moved since",
                    .examples = {"ployzctl branch apply-prepared 01jm3k…"},
                    .positionals = {{"ID", "as prepare printed it"}},
                    .run = run_apply_prepared},
                   {.name = "render-manifest",
                    .summary = "The manifest of the branch, as TOML",
                    .examples = {"ployzctl branch render-manifest production pr-17"},
                    .options = branch_options(),
                    .positionals = both,
                    .run = run_render}}};
}

CommandSpec fork_volume_command() {
  return {.name = "fork-volume",
          .summary = "A copy-on-write clone of one volume, under a new name",
          .examples = {"ployzctl fork-volume production/pgdata production/pgdata-test"},
          .options = {dry_run_option(), how_consistent()},
          .positionals = {{"VOLUME", "NAMESPACE/VOLUME", true, false, Names::volume},
                          {"NEW", "NAMESPACE/NEW-NAME"}},
          .run = run_fork};
}

}  // namespace ployz::cli

// promote, rollback, migrate: each with a preview, and as the manifest that says the same.
#include <format>

#include "cli/commands.h"
#include "cli/render.h"
#include "model/manifest_render.h"

namespace ployz::cli {
namespace {

Answer manifest_answer(const Manifest& manifest) {
  const auto text = to_toml(manifest);
  return Answer{{{"manifest", text}}, text};
}

// ---- promote

Result<PromoteRequest> promote_request(const Args& args) {
  PromoteRequest request;
  request.from = TRY(namespace_arg(args, "BRANCH"));
  request.target = TRY(namespace_arg(args, "TARGET"));
  request.volumes = TRY(named_words<VolumeName>(args, "volume", parse_promote_data,
                                                "NAME=keep or NAME=take"));
  request.consistency = TRY(consistency_arg(args));
  return request;
}

Result<Answer> preview_promote(Session& session, const Args& args) {
  return change_answer(session, TRY(promote_request(args)), true);
}

Result<Answer> apply_promote(Session& session, const Args& args) {
  return change_answer(session, TRY(promote_request(args)), args.has("dry-run"));
}

Result<Answer> render_promote(Session&, const Args& args) {
  const auto request = TRY(promote_request(args));
  Manifest manifest;
  manifest.name_space = request.target;
  manifest.promote = PromoteSection{request.from, request.volumes};
  return manifest_answer(manifest);
}

// ---- rollback

Result<RollbackRequest> rollback_request(const Args& args) {
  RollbackRequest request;
  request.name_space = TRY(namespace_arg(args));
  request.to = args.get("to");
  request.state = TRY(parse_rollback_data(args.get_or("state", "last")));
  return request;
}

Result<Answer> preview_rollback(Session& session, const Args& args) {
  return change_answer(session, TRY(rollback_request(args)), true);
}

Result<Answer> apply_rollback(Session& session, const Args& args) {
  return change_answer(session, TRY(rollback_request(args)), args.has("dry-run"));
}

// With the commit spelt out: the file must mean the same tomorrow.
Result<Answer> render_rollback(Session& session, const Args& args) {
  auto request = TRY(rollback_request(args));
  const auto* client = TRY(session.client());
  const Json document = TRY(client->log(request.name_space.str(), 1000));
  std::vector<std::string> found;
  const Json& commits = list_of(document, "commits");
  bool newest = true;
  for (const Json& entry : commits) {
    const auto kind = text_of(entry, "kind");
    const auto id = text_of(entry, "id");
    if (!request.to.empty()) {
      if (id.starts_with(request.to)) found.push_back(id);
    } else if (kind != "snapshot" && kind != "prune") {
      if (!newest) found.push_back(id);
      newest = false;
      if (!found.empty()) break;
    }
  }
  if (found.size() != 1) {
    return fail(found.empty() ? Code::not_found : Code::invalid,
                std::format("{} commits of namespace {} are meant", found.size(),
                            request.name_space.str()),
                std::format("list them: ployzctl log {}", request.name_space.str()));
  }
  Manifest manifest;
  manifest.name_space = request.name_space;
  manifest.rollback = RollbackSection{found.front(), request.state};
  return manifest_answer(manifest);
}

// ---- migrate

Result<MigrateRequest> migrate_request(const Args& args) {
  const auto path = TRY(parse_service_path(args.get("SERVICE")));
  if (path.service.empty()) {
    return fail(Code::invalid, std::format("'{}' is not NAMESPACE/SERVICE", args.get("SERVICE")),
                "list them: ployzctl ps");
  }
  if (!args.has("to")) return fail(Code::invalid, "--to is missing", "a machine: ployzctl machine ls");
  return MigrateRequest{NamespaceName(path.name_space), ServiceName(path.service), args.get("to")};
}

Result<Answer> preview_migrate(Session& session, const Args& args) {
  return change_answer(session, TRY(migrate_request(args)), true);
}

Result<Answer> apply_migrate(Session& session, const Args& args) {
  return change_answer(session, TRY(migrate_request(args)), args.has("dry-run"));
}

// The namespace's manifest with the service pinned to the machine: what a later deploy has to say so
// that the service stays there.
Result<Answer> render_migrate(Session& session, const Args& args) {
  const auto request = TRY(migrate_request(args));
  const auto* client = TRY(session.client());
  const Json document = TRY(client->manifest_of(request.name_space.str()));
  Manifest manifest = TRY(manifest_from_json(object_of(document, "manifest")));
  for (Service& service : manifest.services) {
    if (service.name == request.service) {
      service.placement.machines = {request.to};
      return manifest_answer(manifest);
    }
  }
  return fail(Code::not_found, std::format("namespace {} has no service {}",
                                           request.name_space.str(), request.service.str()),
              std::format("see: ployzctl namespace inspect {}", request.name_space.str()));
}

// preview, apply and render-manifest of one primitive, which differ in nothing but their handlers.
std::vector<CommandSpec> three(std::string_view what, const std::string& words,
                               const std::vector<PositionalSpec>& positionals,
                               const std::vector<OptionSpec>& options, Handler preview,
                               Handler apply, Handler render) {
  const std::string name(what.substr(what.find(' ') + 1));
  auto apply_options = options;
  apply_options.push_back(dry_run_option());
  return {{.name = "preview",
           .summary = std::format("What {} would do; changes nothing", what),
           .examples = {std::format("ployzctl {} preview {}", name, words)},
           .options = options,
           .positionals = positionals,
           .run = preview},
          {.name = "apply",
           .summary = "Do it, in one commit",
           .examples = {std::format("ployzctl {} apply {}", name, words)},
           .options = apply_options,
           .positionals = positionals,
           .run = apply},
          {.name = "render-manifest",
           .summary = "The manifest that says the same, as TOML",
           .examples = {std::format("ployzctl {} render-manifest {}", name, words)},
           .options = options,
           .positionals = positionals,
           .run = render}};
}

}  // namespace

CommandSpec promote_command() {
  return {.name = "promote",
          .summary = "Deploy a branch's specs, and when asked its data, into a namespace",
          .description = "Names, placement, routes and published ports stay the target's. What is "
                         "replaced is kept:\na rollback brings it back.",
          .examples = {"ployzctl promote apply pr-17 production --volume pgdata=take"},
          .children = three("a promote", "pr-17 production",
                            {{"BRANCH", "the namespace to take from", true, false, Names::name_space},
                             {"TARGET", "the namespace to change", true, false, Names::name_space}},
                            {{"volume", 0, "NAME=HOW",
                              "keep: the target's own data (default); take: a clone of the branch's",
                              true},
                             consistency_option("of what is taken")},
                            preview_promote, apply_promote, render_promote)};
}

CommandSpec rollback_command() {
  return {.name = "rollback",
          .summary = "Restore an earlier commit, data included, as a new one",
          .description = "What it replaces is kept, so a rollback can itself be rolled back.",
          .examples = {"ployzctl rollback apply production",
                       "ployzctl rollback apply production --to 01jm3k --state commit"},
          .children = three("a rollback", "production",
                            {{"NAMESPACE", "its name", true, false, Names::name_space}},
                            {{"to", 0, "COMMIT", "id or unique prefix (the previous one)"},
                             {"state", 0, "STATE",
                              "data as it was left before the commit that is undone (last), as when "
                              "the restored commit was made (commit), or untouched (keep)",
                              false, {"last", "commit", "keep"}}},
                            preview_rollback, apply_rollback, render_rollback)};
}

CommandSpec migrate_command() {
  return {.name = "migrate",
          .summary = "Move a service with its volumes to another machine",
          .description = "Data is sent while the service runs; writers stop only for the last "
                         "difference.\nBefore the commit, an abort leaves everything as it was.",
          .examples = {"ployzctl migrate apply production/db --to m2"},
          .children = three("a migrate", "production/db --to m2",
                            {{"SERVICE", "NAMESPACE/SERVICE", true, false, Names::service}},
                            {{"to", 0, "MACHINE", "required", false, {}, Names::machine}},
                            preview_migrate, apply_migrate, render_migrate)};
}

}  // namespace ployz::cli

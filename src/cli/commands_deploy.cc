// deploy: from a manifest, or one service from flags.
#include <charconv>
#include <format>

#include "base/files.h"
#include "cli/commands.h"
#include "cli/render.h"
#include "model/manifest.h"

namespace ployz::cli {
namespace {

Status too_large(std::string_view name) {
  return fail(Code::invalid, std::format("{} is larger than {} bytes", name, kMaxManifestBytes),
              "a manifest describes one namespace");
}

Result<ManifestBody> read_manifest(Session& session, const Args& args) {
  const auto file = args.get("file");
  if (file.empty()) return fail(Code::invalid, "which manifest?", "-f FILE, or -f - for stdin");
  ManifestBody body;
  if (file == "-") {
    body.text = TRY(session.host().read_stdin(kMaxManifestBytes));
  } else {
    auto text = TRY(read_file(file));
    if (!text)
      return fail(Code::invalid, std::format("no file {}", file), "-f FILE, or -f - for stdin");
    body.text = std::move(*text);
    body.file = file;
  }
  if (body.text.size() > kMaxManifestBytes) TRY(too_large(body.file));
  body.state = args.get("state");
  // Errors of the file are told here, with its lines, whether or not a daemon answers.
  TRY(parse_manifest(body.text, body.file));
  return body;
}

Result<Answer> deploy(Session& session, const ManifestBody& body, bool preview) {
  if (preview) {
    const auto* client = TRY(session.client());
    return preview_answer(session, TRY(client->deploy_preview(body)));
  }
  return operation_answer(session,
                          TRY(session.change([&](const ApiClient& client, const EventSink& events) {
                            return client.deploy(body, events);
                          })));
}

Result<Answer> run_deploy(Session& session, const Args& args) {
  return deploy(session, TRY(read_manifest(session, args)), args.has("dry-run"));
}

Result<Answer> run_preview(Session& session, const Args& args) {
  return deploy(session, TRY(read_manifest(session, args)), true);
}

Result<uint16_t> port_of(std::string_view text, std::string_view whole) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0)
    return fail(Code::invalid, std::format("--publish: '{}' is not HOST:CONTAINER", whole),
                "two ports, e.g. 8080:80");
  return port;
}

Status add_publish(Service& service, std::string_view text) {
  const size_t colon = text.find(':');
  const auto host = TRY(port_of(text.substr(0, colon), text));
  const auto container =
      TRY(port_of(colon == std::string_view::npos ? text : text.substr(colon + 1), text));
  service.publish.push_back({host, container});
  if (std::ranges::none_of(service.container.ports,
                           [&](const Port& port) { return port.container == container; }))
    service.container.ports.push_back({std::format("p{}", container), container, Protocol::tcp});
  return {};
}

Status add_env(Service& service, std::string_view text) {
  const size_t equal = text.find('=');
  if (equal == 0 || equal == std::string_view::npos)
    return fail(Code::invalid, "--env: what is given is not KEY=VALUE");  // it may be a secret
  service.container.env[std::string(text.substr(0, equal))] = text.substr(equal + 1);
  return {};
}

Result<ManifestBody> service_manifest(const Args& args) {
  Service service;
  service.name = ServiceName(args.get("NAME"));
  service.container.image = args.get("image");
  if (service.container.image.empty()) return fail(Code::invalid, "--image is missing");
  if (!args.has("namespace")) return fail(Code::invalid, "--namespace is missing");
  for (const auto& text : args.all("publish")) TRY(add_publish(service, text));
  for (const auto& text : args.all("env")) TRY(add_env(service, text));
  service.placement.replicas = static_cast<uint32_t>(TRY(args.number("replicas", 1, 10000)));
  if (args.has("COMMAND")) service.container.command = args.all("COMMAND");
  Manifest manifest;
  manifest.name_space = NamespaceName(args.get("namespace"));
  manifest.services.push_back(std::move(service));
  TRY(validate(manifest));
  ManifestBody body;
  body.text = to_text(to_json(manifest));
  body.file = "<command line>";
  body.canonical = true;
  body.whole_namespace = false;
  return body;
}

Result<Answer> run_service(Session& session, const Args& args) {
  return deploy(session, TRY(service_manifest(args)), args.has("dry-run"));
}

}  // namespace

CommandSpec deploy_command() {
  const OptionSpec file{"file", 'f', "FILE",     "the manifest, TOML or JSON; - is stdin",
                        false,  {},  Names::file};
  const OptionSpec state{"state", 0, "STATE",
                         "the data, when the manifest goes back to an earlier commit", false,
                         {"last", "commit", "keep"}};
  const OptionSpec dry_run{"dry-run", 'n', "", "only show what would be done"};
  return {
      .name = "deploy",
      .summary = "Make a namespace what a manifest says, in one commit",
      .description =
          "Phases: plan, lock, probe, apply, commit, flip, cleanup. Whatever fails "
          "before the commit is undone and\nthe previous commit serves on. Ctrl-C "
          "aborts and waits for the outcome.",
      .examples = {"ployzctl deploy -f shop.toml", "ployzctl deploy -f shop.toml --dry-run",
                   "ployzctl deploy -f promote.toml"},
      .options = {file, dry_run, state},
      .run = run_deploy,
      .children = {
          {.name = "preview",
           .summary = "What a deploy would do; changes nothing",
           .examples = {"ployzctl deploy preview -f shop.toml"},
           .options = {file, state},
           .run = run_preview},
          {.name = "service",
           .summary = "Deploy one service from flags; the others stay as they are",
           .examples = {"ployzctl deploy service web --image ployz-samples/web:1 --namespace shop "
                        "-p 8080:8080",
                        "ployzctl deploy service job --image debian:trixie --namespace shop -- "
                        "sleep 60"},
           .options = {{"image", 0, "IMAGE", "required; a tag is resolved to its digest"},
                       {"namespace", 0, "NAMESPACE", "required", false, {}, Names::name_space},
                       {"publish", 'p', "HOST:CONTAINER", "a TCP port on every machine", true},
                       {"env", 'e', "KEY=VALUE", "environment", true},
                       {"replicas", 0, "N", "instances (1)"},
                       dry_run},
           .positionals = {{"NAME", "of the service"},
                           {"COMMAND", "instead of the image's, after --", false, true}},
           .run = run_service}}};
}

}  // namespace ployz::cli

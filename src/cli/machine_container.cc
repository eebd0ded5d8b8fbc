#include "cli/machine_container.h"

#include <charconv>
#include <filesystem>
#include <format>
#include <thread>

#include "base/files.h"
#include "base/unix_stream.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kBoot{120};           // of systemd and the engine inside, on a slow computer
constexpr milliseconds kRetry{100};     // between attempts to connect, where no event can be had
constexpr int kConnectAttempts = 20;    // the socket is there: this is for its listen(2)
constexpr size_t kLongestSocket = 107;  // unix(7)

RunOptions within(milliseconds timeout) {
  RunOptions options;
  options.timeout = timeout;
  return options;
}

std::string first_line(const std::string& text) {
  const auto begin = std::min(text.find_first_not_of("\r\n "), text.size());
  return text.substr(begin, text.find_first_of("\r\n", begin) - begin);
}

// Standard output of `docker …`; a failure is `code` with docker's own first line.
Result<std::string> docker(Session& session, std::vector<std::string> arguments, Code code,
                           std::string hint, milliseconds timeout = seconds(60)) {
  arguments.insert(arguments.begin(), "docker");
  const std::string what = "docker " + arguments[1];
  auto finished = session.host().run(Command{std::move(arguments)}, within(timeout));
  if (!finished && finished.error().code == Code::not_found)
    return fail(Code::precondition, "there is no docker command", "install docker.io");
  if (!TRY(finished).ok())
    return fail(code, std::format("{}: {}", what, first_line(finished->err)), std::move(hint));
  return finished->out;
}

Result<std::string> engine_cgroup_version(Session& session) {
  auto out = TRY(docker(session, {"info", "--format", "{{.CgroupVersion}}"}, Code::precondition,
                        "is the engine running? systemctl start docker"));
  return first_line(out);
}

Result<EngineTraits> engine_traits(Session& session, const std::string& image) {
  EngineTraits traits;
  traits.cgroup_version = TRY(engine_cgroup_version(session)) == "1" ? 1 : 2;
  // An engine that lacks capabilities itself refuses to give all of them: only trying tells.
  const Command probe{{"docker", "run", "--rm", "--privileged", "--network", "none", "--entrypoint",
                       "/bin/true", image}};
  traits.privileged = TRY(session.host().run(probe, within(seconds(60)))).ok();
  const auto status = TRY(read_file("/proc/self/status"));
  const std::string_view text = status ? std::string_view(*status) : std::string_view();
  if (const size_t at = text.find("CapBnd:\t"); at != std::string_view::npos) {
    const auto digits = text.substr(at + 8, 16);
    std::from_chars(digits.data(), digits.data() + digits.size(), traits.bounding_set, 16);
  }
  return traits;
}

std::filesystem::path machine_folder(Session& session, const std::string& machine) {
  return session.data_dir() / "machines" / machine;
}

// The folder that becomes /run/ployz. Only root can use a socket of root:ployz in there; everybody
// else goes through the engine. Empty: not to be mounted.
Result<std::string> run_folder(Session& session, const std::string& machine) {
  const auto folder = machine_folder(session, machine) / "run";
  if (!session.host().is_root() || folder.string().size() + sizeof "/ployzd.sock" > kLongestSocket)
    return std::string();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(Code::precondition,
                std::format("cannot make {}: {}", folder.string(), error.message()), "--data-dir");
  // The folder above keeps others out; inside the machine its services must get through.
  std::filesystem::permissions(folder.parent_path(), std::filesystem::perms::owner_all, error);
  return folder.string();
}

Status create_container(Session& session, const MachineOptions& options) {
  TRY(docker(session, {"image", "inspect", "--format", "{{.Id}}", options.image},
             Code::precondition,
             std::format("make the image first: tools/setup machine; or "
                         "--image, PLOYZ_MACHINE_IMAGE")));
  const auto recipe = run_recipe(TRY(engine_traits(session, options.image)));
  std::vector<std::string> run{
      "run",        "--detach",   "--name",  container_of(options.name),
      "--hostname", options.name, "--label", "ployz.machine=" + options.name};
  if (!options.cluster.empty()) run.push_back("--label=ployz.cluster=" + options.cluster);
  run.insert(run.end(), recipe.options.begin(), recipe.options.end());
  // Across a restart of the container; an anonymous volume, gone with it.
  run.emplace_back("--volume=/var/lib/ployz");
  if (const auto folder = TRY(run_folder(session, options.name)); !folder.empty())
    run.push_back(std::format("--volume={}:/run/ployz", folder));
  for (const auto& ports : options.publish) run.push_back("--publish=" + ports);
  run.push_back(options.image);
  run.insert(run.end(), recipe.arguments.begin(), recipe.arguments.end());
  TRY(docker(session, std::move(run), Code::internal, "docker ps -a"));
  return {};
}

// Blocks inside the machine: systemd says when it has booted; the daemon's socket follows.
Status wait_booted(Session& session, const std::string& container) {
  const std::string script =
      "until [ -S /run/systemd/private ]; do sleep 0.05; done; "
      "systemctl is-system-running --wait >/dev/null; systemctl is-active ployzd.service || exit 1;"
      "for i in $(seq 200); do [ -S /run/ployz/ployzd.sock ] && exit 0; sleep 0.05; done; "
      "echo 'running without a control socket'; exit 1";
  const Command command{{"docker", "exec", container, "sh", "-c", script}};
  const auto booted = session.host().run(command, within(kBoot));
  if (booted && booted->ok()) return {};
  const auto why = !booted ? booted.error().message : "ployzd is " + last_line(booted->out);
  return fail(Code::unavailable, std::format("the machine {} did not come up: {}", container, why),
              std::format("docker exec {} journalctl -b -u ployzd", container));
}

Status wait_answers(const MachineDoor& context) {
  const StopFd never{std::stop_token{}};
  Result<Json> status = fail(Code::unavailable, "no answer");
  for (int attempt = 0; attempt < kConnectAttempts; ++attempt) {
    // A new client each time: which way leads to the socket may change while the machine boots.
    status = TRY(connect_to(context)).client->status();
    if (status) return {};
    (void)wait_for(-1, 0, deadline_in(kRetry), never);
  }
  return fail(std::move(status).error());
}

}  // namespace

std::string container_of(std::string_view machine) {
  return std::format("ployz-{}", machine);
}

Result<ContainerState> inspect_container(Session& session, const std::string& name) {
  TRY(engine_cgroup_version(session));  // tells an absent engine from an absent container
  const Command command{{"docker", "container", "inspect", container_of(name)}};
  const auto found = TRY(session.host().run(command, within(seconds(30))));
  ContainerState state;
  if (!found.ok()) return state;
  const auto json = TRY(parse_json(found.out));
  if (!json.is_array() || json.empty()) return state;
  state.exists = true;
  state.running = flag_of(object_of(json[0], "State"), "Running");
  state.image_id = text_of(json[0], "Image");
  for (const auto& [network, settings] :
       object_of(object_of(json[0], "NetworkSettings"), "Networks").items())
    if (state.address.empty()) state.address = text_of(settings, "IPAddress");
  return state;
}

Result<MachineUp> ensure_machine(Session& session, const MachineOptions& options) {
  const auto container = container_of(options.name);
  MachineUp up;
  up.state = TRY(inspect_container(session, options.name));
  up.context.container = container;
  const auto socket = machine_folder(session, options.name) / "run/ployzd.sock";
  if (session.host().is_root() && socket.string().size() <= kLongestSocket)
    up.context.socket = socket.string();
  if (!up.state.exists) {
    session.progress(std::format("{}  starting ({})", options.name, options.image));
    TRY(create_container(session, options));
    up.created = true;
  } else if (!up.state.running) {
    session.progress(std::format("{}  starting again", options.name));
    TRY(docker(session, {"start", container}, Code::internal, "docker ps -a"));
  } else if (TRY(connect_to(up.context)).client->status()) {
    return up;  // everything is there
  }
  session.progress(std::format("{}  waiting for its systemd and ployzd", options.name));
  TRY(wait_booted(session, container));
  TRY(wait_answers(up.context));
  up.state = TRY(inspect_container(session, options.name));
  return up;
}

Result<bool> remove_machine(Session& session, const std::string& name) {
  const auto state = TRY(inspect_container(session, name));
  if (state.exists)
    TRY(docker(session, {"rm", "--force", "--volumes", container_of(name)}, Code::internal,
               "docker ps -a"));
  std::error_code error;
  std::filesystem::remove_all(machine_folder(session, name), error);
  auto contexts = TRY(session.contexts());
  if (contexts.entries.erase(name) > 0) {
    if (contexts.current == name) contexts.current.clear();
    TRY(session.save(contexts));
  }
  return state.exists;
}

}  // namespace ployz::cli

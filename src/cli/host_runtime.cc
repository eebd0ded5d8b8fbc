#include "cli/host_runtime.h"

#include <algorithm>
#include <filesystem>
#include <format>
#include <vector>

#include "base/files.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/unix_stream.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kDebianUnits[] = {"haproxy.service", "knot.service",
                                             "nats-server.service"};
// Which units the installation masked, one a line (remote_install.h).
constexpr std::string_view kMasked = "/var/lib/ployz-add/masked";
constexpr std::string_view kEngineSocket = "/run/docker.sock";
constexpr seconds kDaemonLimit{10};
constexpr std::chrono::milliseconds kRetry{50};
// Removing a container waits for its processes to die.
constexpr seconds kEngineLimit{60};

// What a command prints, whatever its exit code says (systemctl's questions use both).
Result<std::string> ask(Session& session, std::vector<std::string> argv) {
  auto done = TRY(session.host().run({std::move(argv)}, {}));
  while (done.out.ends_with('\n')) done.out.pop_back();
  return std::move(done.out);
}

Result<std::vector<std::string>> noted_masks() {
  std::vector<std::string> units;
  const auto text = TRY(read_file(kMasked)).value_or("");
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) units.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return units;
}

Result<HttpResponse> engine(const std::string& method, const std::string& target) {
  return HttpClient(std::string(kEngineSocket)).request({method, target, {}, {}}, kEngineLimit);
}

// An engine that is gone runs nothing of ours.
Status remove_workloads(Session& session) {
  const auto filter = url_escape(R"({"label":["ployz.instance"]})");
  const auto listed = engine("GET", "/containers/json?all=1&filters=" + filter);
  if (!listed) {
    if (listed.error().effect == Effect::none && listed.error().code == Code::unavailable) {
      session.notice("no container engine answers: containers, if any, stay");
      return {};
    }
    return std::unexpected(listed.error());
  }
  for (const Json& container : TRY(parse_json(listed->body))) {
    const auto id = TRY(get_string_or(container, "Id", ""));
    const auto gone = TRY(engine("DELETE", "/containers/" + id + "?force=1&v=1"));
    if (!gone.ok() && gone.status != 404)
      return fail(Code::internal, std::format("container {} stays: {}", id, gone.body),
                  "docker rm -f, then the same command again");
  }
  const auto network = TRY(engine("DELETE", "/networks/ployz"));
  if (network.ok() || network.status == 404) return {};
  return fail(Code::internal, "the engine's network ployz stays: " + network.body,
              "docker network inspect ployz, then the same command again");
}

Status forget_context(Session& session, const std::string& name) {
  auto contexts = TRY(session.contexts());
  if (contexts.entries.erase(name) == 0) return {};
  if (contexts.current == name) contexts.current.clear();
  return session.save(contexts);
}

}  // namespace

Status must(Session& session, Command command, std::string hint) {
  RunOptions options;
  options.timeout = minutes(10);
  const std::string what = command.argv[0] + " " + command.argv.at(1);
  const auto done = TRY(session.host().run(std::move(command), options));
  if (done.ok()) return {};
  return fail(Code::internal,
              std::format("{}: {}", what, last_line(done.err.empty() ? done.out : done.err)),
              std::move(hint));
}

Status check_host(Session& session) {
  if (!session.host().is_root())
    return fail(Code::precondition, "installing for the whole system needs root",
                "sudo ployzctl …, or --runtime docker --service-mode user");
  const auto release = TRY(read_file("/etc/os-release"));
  const std::string text = release.value_or("");
  if (!text.contains("VERSION_ID=\"13\"") || !text.contains("ID=debian"))
    return fail(Code::unsupported, "this is not Debian 13",
                "--runtime docker runs a Debian 13 machine in a container");
  const auto state = ask(session, {"systemctl", "is-system-running"});
  if (!state || state->starts_with("offline"))
    return fail(Code::precondition, "systemd does not run here",
                "--runtime docker runs a machine in a container");
  return {};
}

Status check_ports_of_debian_units(Session& session) {
  for (const auto unit : kDebianUnits) {
    if (TRY(ask(session, {"systemctl", "is-active", std::string(unit)})) != "active") continue;
    return fail(Code::precondition,
                std::format("{} runs on this machine, and Ployz needs its ports", unit),
                std::format("systemctl disable --now {}, or another machine", unit));
  }
  return {};
}

Status await_daemon(Session& session, const ContextEntry& context) {
  const StopFd never{std::stop_token{}};
  const auto deadline = deadline_in(kDaemonLimit);
  while (!TRY(session.client_of(context))->status()) {
    if (std::chrono::steady_clock::now() > deadline)
      return fail(Code::unavailable, "ployzd was started but does not answer yet",
                  "journalctl -u ployzd; then the same command again");
    (void)wait_for(-1, 0, deadline_in(kRetry), never);
  }
  return {};
}

Status remove_from_host(Session& session, const std::string& context) {
  TRY(remove_workloads(session));
  // Each fails when it is not there, which is as good.
  for (const char* table : {"ployz", "ployz-overlay"})
    (void)session.host().run({{"nft", "delete", "table", "ip", table}}, {});
  (void)session.host().run({{"ip", "link", "delete", "ployz-wg"}}, {});
  // The storage pool; the file it is in goes with the folder.
  (void)session.host().run({{"umount", "/var/lib/ployz/pool"}}, {});
  for (const auto& [in, out] : {std::pair("ployz-wg", "ployz0"), {"ployz0", "ployz-wg"}})
    (void)session.host().run(
        {{"iptables", "-w", "-D", "DOCKER-USER", "-i", in, "-o", out, "-j", "ACCEPT"}}, {});
  for (const auto& unit : TRY(noted_masks())) {
    TRY(must(session, {{"systemctl", "unmask", unit}}, ""));
    // What its package enabled while it was masked must not start with the next boot. It fails for
    // a unit whose package is gone.
    (void)session.host().run({{"systemctl", "disable", unit}}, {});
  }
  TRY(must(session, {{"rm", "-rf", "/var/lib/ployz", "/var/lib/ployz-add", "/usr/share/ployz"}}, ""));
  return forget_context(session, context);
}

}  // namespace ployz::cli

// machine update: another version of Ployz on the machines, one after the other.
#include <fcntl.h>
#include <unistd.h>

#include <format>
#include <functional>

#include "base/digest.h"
#include "base/fd.h"
#include "cli/commands.h"
#include "cli/moves_text.h"
#include "cli/render.h"

namespace ployz::cli {
namespace {

// The asked machine's own daemon is replaced in the middle; it is back, of one version or the other,
// within its updater's limits.
constexpr auto kReturnPause = std::chrono::milliseconds(500);
constexpr int kReturnTries = 600;

std::unexpected<Error> unreadable(const std::string& path) {
  return fail(Code::invalid, std::format("cannot read {}", path), "a .deb of Ployz");
}

using Source = std::function<Result<size_t>(std::span<char>)>;

Source reader_of(const Fd& file, const std::string& path) {
  return [&file, path](std::span<char> into) -> Result<size_t> {
    ssize_t got = 0;
    do {
      got = ::read(file.get(), into.data(), into.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return unreadable(path);
    return static_cast<size_t>(got);
  };
}

Result<std::string> digest_of(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable(path);
  const Source read = reader_of(file, path);
  Sha256 hash;
  std::vector<char> piece(256 << 10);
  while (const size_t got = TRY(read(piece))) hash.update({piece.data(), got});
  return hash.digest();
}

// What the machine says that it is.
Result<Json> give(Session& session, const std::string& path, bool keep) {
  const std::string digest = TRY(digest_of(path));
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return unreadable(path);
  const auto* client = TRY(session.client());
  return client->package_take(reader_of(file, path), digest, keep, {});
}

std::string fate_text(const Json& machine) {
  const std::string outcome = text_of(machine, "outcome");
  if (outcome == "back") return "went back";
  if (outcome == "waiting") return "not begun";
  return outcome;
}

Answer update_answer(Session& session, Json document) {
  Table table({"MACHINE", "FROM", "TO", "OUTCOME", ""});
  for (const Json& machine : list_of(document, "machines")) {
    const Json& error = object_of(machine, "error");
    table.row({text_of(machine, "machine_name"), text_of(machine, "from"), text_of(machine, "to"),
               fate_text(machine), error.empty() ? "" : error_from_json(error).message});
  }
  std::string text = table.render(session.style());
  const std::string outcome = text_of(document, "outcome");
  if (outcome == "preview") text += "preview; nothing was changed\n";
  if (outcome == "unchanged") {
    text += std::format("every machine has version {} already\n", text_of(document, "version"));
  }
  return ended_answer(session, std::move(document), std::move(text), "committed");
}

// Calls again when the daemon that was asked went away in the middle: the next one goes on.
Result<Json> see_through(Session& session, const ApiClient& client, const UpdateRequest& request,
                         const EventSink& events) {
  auto done = client.machine_update(request, events);
  const bool cut = !done && done.error().code == Code::unavailable &&
                   done.error().effect == Effect::unknown;
  if (!cut) return done;
  session.progress("this machine's daemon is being replaced; waiting for the next one");
  for (int tries = 0; tries < kReturnTries; ++tries) {
    session.host().pause(kReturnPause);
    if (!client.status()) continue;
    done = client.machine_update(request, events);
    // What it needs comes up after it.
    const bool early = !done && (done.error().code == Code::unavailable ||
                                 done.error().code == Code::timeout);
    if (!early) return done;
  }
  return done;
}

Result<Answer> run_update(Session& session, const Args& args) {
  UpdateRequest request;
  request.version = args.get("version");
  request.machines = args.all("MACHINE");
  request.preview = args.has("dry-run");
  const std::string file = args.get("deb");
  if (file.empty() && request.version.empty()) {
    return fail(Code::invalid, "neither --deb nor --version is given",
                "a package, --deb FILE, or the version of one that a machine keeps, --version V");
  }
  if (!file.empty()) {
    const Json package = TRY(give(session, file, !request.preview));
    const std::string version = text_of(package, "version");
    if (!request.version.empty() && request.version != version) {
      return fail(Code::invalid, std::format("{} is of version {}, not {}", file, version,
                                             request.version));
    }
    request.version = version;
    if (request.preview) request.architecture = text_of(package, "architecture");
    session.progress(std::format("package ployz {} for {}, {}", version,
                                 text_of(package, "architecture"),
                                 format_bytes(number_of(package, "size_bytes"))));
  }
  return update_answer(session,
                       TRY(session.change([&](const ApiClient& client, const EventSink& events) {
                         return see_through(session, client, request, events);
                       })));
}

}  // namespace

CommandSpec machine_update_command() {
  return {
      .name = "update",
      .summary = "Another version of Ployz on machines, one after the other",
      .description =
          "Sends the package to every machine that is named (all, when none is), and has each in "
          "turn install it.\nContainers, gateway, DNS, tunnel and store go on meanwhile. A machine "
          "whose new version does not come up,\nor does not serve, goes back to the former one by "
          "itself; then no other is begun, and the answer says which\nmachine has which version. "
          "Machines that have it are left alone, so the same command goes on after a failure.\n"
          "Packages are kept: --version takes one that was given before, also to go back by one "
          "minor version.\nMachines that are one minor version apart work together; more is refused.",
      .examples = {"ployzctl machine update --deb ployz_0.2.0_amd64.deb --dry-run",
                   "ployzctl machine update --deb ployz_0.2.0_amd64.deb",
                   "ployzctl machine update --deb ployz_0.2.0_amd64.deb m3",
                   "ployzctl machine update --version 0.1.0"},
      .options = {dry_run_option(),
                  {"deb", 0, "FILE", "the package", false, {}, Names::file},
                  {"version", 0, "VERSION", "of a package that a machine keeps"}},
      .positionals = {{"MACHINE", "names or ids", false, true, Names::machine, true}},
      .run = run_update};
}

}  // namespace ployz::cli

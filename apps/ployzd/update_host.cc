#include "update_host.h"

#include <fcntl.h>
#include <unistd.h>

#include <format>

#include "base/fd.h"
#include "base/files.h"
#include "base/version.h"
#include "model/release.h"

namespace ployz {
namespace {

// What the package brings; run from a copy, because it replaces the package.
constexpr auto kUpdater = "/usr/lib/ployz/update";
constexpr size_t kPiece = 256 << 10;

Status send_file(const std::filesystem::path& path, MachineStream& stream,
                 const std::stop_token& stop) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail(Code::not_found, std::format("cannot read {}", path.string()));
  std::vector<char> buffer(kPiece);
  while (!stop.stop_requested()) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Code::denied, std::format("cannot read {}", path.string()));
    if (got == 0) return {};
    TRY(stream.write({buffer.data(), static_cast<size_t>(got)}));
  }
  return fail(Code::canceled, "canceled");
}

}  // namespace

UpdateHost::UpdateHost(const Paths& paths, std::filesystem::path socket, Ports ports)
    : folder_(paths.update()),
      socket_(std::move(socket)),
      ports_(std::move(ports)),
      packages_(paths.packages()) {}

Result<Json> UpdateHost::handle(const std::string& command, const Json& request) {
  if (command == kUpdateState) {
    UpdateState now = TRY(state());
    if (TRY(get_bool_or(request, "examine", false))) now.problems = ports_.problems();
    return to_json(now);
  }
  if (command == kPackageList) return list();
  if (command == kPackageOffer) return offer(request);
  if (command == kPackageFetch) {
    TRY(fetch(TRY(package_fetch_from_json(request))));
  } else {
    TRY(install(TRY(update_install_from_json(request))));
  }
  return Json::object();
}

Result<bool> UpdateHost::updating() const {
  const auto status = TRY(ports_.units.status(unit::kUpdate));
  return status.active_state == "active" || status.active_state == "activating" ||
         status.active_state == "deactivating";
}

Result<UpdateState> UpdateHost::state() const {
  UpdateState now;
  // Before its note: the note of an updater that has ended is its last.
  now.updating = TRY(updating());
  now.version = version();
  now.installed = TRY(installed_version());
  now.architecture = TRY(package_architecture());
  if (const auto text = TRY(read_file(folder_ / "result"))) now.last = TRY(parse_update_note(*text));
  return now;
}

Result<Json> UpdateHost::list() {
  Json packages = Json::array();
  for (const Package& package : TRY(packages_.list())) packages.push_back(to_json(package));
  return Json{{"packages", std::move(packages)}};
}

Result<Json> UpdateHost::offer(const Json& request) {
  const std::string version = TRY(get_string(request, "version"));
  if (!TRY(packages_.find(version))) {
    return fail(Code::not_found, std::format("no package of version {} is kept here", version));
  }
  const std::string key = TRY(ports_.transfers.offer(
      {"package", TRY(get_string(request, "transfer"))},
      [path = packages_.path_of(version)](MachineStream& stream, const std::stop_token& stop) {
        return send_file(path, stream, stop);
      }));
  return Json{{"key", key}, {"address", ports_.transfers.address()}};
}

Status UpdateHost::fetch(const PackageFetch& fetch) {
  const auto kept = TRY(packages_.find(fetch.package.version));
  if (kept && *kept == fetch.package) return {};
  const auto stream = TRY(ports_.transfers.dial(fetch.address, fetch.key,
                                                {"package", fetch.transfer}, stop_.get_token()));
  const auto taken = packages_.take([&](std::span<char> into) { return stream->read(into); },
                                    fetch.package.sha256, true);
  if (!taken) {
    (void)stream->finish_with(taken.error());
    return fail(taken.error());
  }
  (void)stream->finish();
  if (*taken == fetch.package) return {};
  return fail(Code::corrupt, "the package is another than was announced");
}

// The updater is told by a file; whether it ended with it, its note says.
Status UpdateHost::install(const UpdateInstall& install) {
  const std::scoped_lock lock(installing_);
  const UpdateState now = TRY(state());
  const bool ours = now.last && now.last->operation == install.operation;
  if (ours && has_ended(now.last->stage)) return {};
  if (now.updating) {
    if (ours) return {};
    return fail(Code::conflict, "another update runs on this machine", "wait for its end");
  }
  if (!TRY(packages_.find(install.version))) {
    return fail(Code::not_found,
                std::format("no package of version {} is kept here", install.version));
  }
  // One that was cut off goes on as it was: what was installed before it is the way back.
  if (!ours || !TRY(read_file(folder_ / "request"))) {
    if (now.installed.empty()) {
      return fail(Code::precondition, "Ployz is not installed as a package here");
    }
    const auto updater = TRY(read_file(kUpdater));
    if (!updater) return fail(Code::precondition, std::format("{} is missing", kUpdater));
    TRY(write_file(folder_ / "run", *updater, 0755));
    TRY(write_file(folder_ / "result",
                   std::format("operation={}\nfrom={}\nto={}\nstage=installing\nerror=\n",
                               install.operation.str(), now.installed, install.version)));
    TRY(write_file(folder_ / "request",
                   std::format("operation={}\nfrom={}\nto={}\nsocket={}\n",
                               install.operation.str(), now.installed, install.version,
                               socket_.string())));
  }
  // It may have ended before systemd was asked how it is, or been cut off: the next call finds out which.
  Status started = ports_.units.ensure_started(unit::kUpdate);
  if (!started && started.error().code == Code::precondition) {
    started.error().code = Code::unavailable;
  }
  return started;
}

}  // namespace ployz

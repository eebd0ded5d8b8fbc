#include "leaver.h"

#include <format>

#include "base/files.h"
#include "data_plane.h"
#include "mesh/subnets.h"

namespace ployz {
namespace {

constexpr auto kStopGrace = std::chrono::milliseconds(2000);

// The folders stay: their owners and modes are the package's.
Status remove_contents(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::error_code removal;
    std::filesystem::remove_all(entry.path(), removal);
    if (removal) {
      return fail(Code::denied, std::format("cannot remove {}: {}", entry.path().string(),
                                            removal.message()));
    }
  }
  return {};  // absent: nothing
}

}  // namespace

Status check_may_leave(Member* member, const LocalDrivers& drivers, bool keep_data) {
  constexpr auto kHint = "to do it all the same: ployzctl mesh destroy --force";
  const auto instances = TRY(drivers.containers.list());
  if (!instances.empty()) {
    return fail(Code::precondition,
                std::format("this machine has {} instances", instances.size()), kHint);
  }
  if (Volumes* const volumes = keep_data ? nullptr : drivers.storage.volumes()) {
    if (const auto datasets = volumes->list(); !datasets || !datasets->empty()) {
      return fail(Code::precondition,
                  datasets ? std::format("this machine has {} datasets", datasets->size())
                           : "this machine may have datasets: " + datasets.error().line(),
                  kHint);
    }
  }
  if (!member) return {};
  const auto records = TRY(member->records().list(Bucket::machines));
  for (const Record& record : records) {
    if (record.key == member->identity().machine.id.str()) continue;
    return fail(Code::precondition,
                std::format("network {} has other machines", member->identity().network), kHint);
  }
  return {};
}

void leave_records(Member& member, const LocalDrivers& drivers, const Progress& progress) {
  const Machine self = member.identity().machine;
  if (self.stores) return;  // the store goes with it
  const auto forget = [&]() -> Status {
    const auto record = TRY(member.records().get(Bucket::machines, self.id.str()));
    if (record) TRY(member.records().remove(Bucket::machines, self.id.str(), record->revision));
    return release_subnet(member.records(), drivers.clock, self.id);
  };
  const Status forgotten = forget();
  progress(forgotten ? "the network has forgotten this machine"
                     : "the network still lists this machine: " + forgotten.error().line());
}

Status leave(Identity identity, const Paths& paths, const LocalDrivers& drivers,
             const Progress& progress) {
  // So that a daemon that dies meanwhile does not come up as a member. A full disk must not keep a
  // machine from leaving, which makes room.
  identity.complete = false;
  if (const Status noted = save_identity(paths.identity(), identity); !noted) {
    progress("going on without a note of it: " + noted.error().line());
  }
  for (const FoundInstance& instance : TRY(drivers.containers.list())) {
    TRY(drivers.containers.remove(instance.id, kStopGrace));
  }
  for (const auto* name : {unit::kRouter, unit::kHaproxy, unit::kKnot, unit::kNats, unit::kNatsB}) {
    TRY(drivers.units.ensure_stopped(name));
  }
  progress("instances and services are stopped");
  if (!identity.leaving || !identity.leaving->keep_data) TRY(drivers.storage.remove());
  TRY(drivers.overlay.remove());
  TRY(drivers.network.remove_network());
  remove_redirects();
  progress("tunnel and container bridge are gone");
  for (const char* folder : {"router", "haproxy", "knot", "agent", "nats", "keys"}) {
    TRY(remove_contents(paths.data / folder));
  }
  TRY(remove_file(paths.identity()));
  progress("state and keys are gone");
  return {};
}

}  // namespace ployz

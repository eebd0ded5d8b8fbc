// Brings another version of Ployz to machines: `machine update`. One at a time, and none after one on
// which the new version is not healthy. Any daemon can coordinate; docs/adr/0016.
//
//   plan      every member says which version it has and how it is             (update_plan.h)
//   send      the package goes to each machine that lacks it, verified by hash
//   install   a machine's updater, which its daemon only starts, installs it, looks whether the new
//             daemon and all around it serve, and installs the former one again when not
//   record    the machine's record says its version
//
// What it promises:
// - Nothing that carries traffic is stopped: containers, gateway, DNS, tunnel, store.
// - Everything that could refuse it is looked at before anything is changed.
// - Repeated, or resumed after the coordinator died, it goes on: what a machine's updater has begun it
//   ends by itself, and tells whoever asks. The coordinator's own machine is the last: its daemon is
//   replaced in the middle of this, and the same call to the new one ends it.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/machine_operation.h"
#include "mesh/update_plan.h"
#include "mesh/update_report.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/machine_rpc.h"

namespace ployz {

inline constexpr std::string_view kMachineUpdate = "machine_update";

struct MachineUpdateConfig {
  MachineId self;
  std::chrono::milliseconds ask{15000};  // of what a machine looks up, each of its parts included
  // More than an updater takes that installs twice and twice waits in vain.
  std::chrono::milliseconds machine{300'000};
  std::chrono::milliseconds again{500};
};

class MachineUpdate {
 public:
  struct Ports {
    KeyValue& records;
    MachineRpc& rpc;
    MachineRpc& peers;  // while its NATS connection comes up, a machine answers here
    Clock& clock;
    Entropy& entropy;
  };
  MachineUpdate(MachineUpdateConfig config, Ports ports)
      : config_(std::move(config)), ports_(ports) {}

  using Events = std::function<void(const Event&)>;
  // Errors: `not_found`: nobody keeps a package of this version; those of plan_update. Then nothing was
  // changed. What goes wrong later is in the report.
  // `unavailable`, effect unknown: this very daemon is being replaced; the same call to the next one
  // goes on.
  [[nodiscard]] Result<UpdateReport> run(const UpdateRequest& request, const Events& events,
                                         std::stop_token cancel);
  // Of an operation of kind machine_update. Ended: as it is.
  [[nodiscard]] Result<Operation> resume(const OperationId& id, const Events& events,
                                         std::stop_token cancel);
  // Of one whose coordinator died: no further machine is begun. One that is being updated ends that.
  [[nodiscard]] Result<Operation> abort(const OperationId& id);

 private:
  struct Holder {
    MachineId machine;
    Package package;
  };
  struct Run;

  [[nodiscard]] Result<std::vector<UpdateMember>> ask_members();
  [[nodiscard]] Result<std::vector<Holder>> find_package(const UpdateRequest& request,
                                                         const std::vector<UpdateMember>& members);
  [[nodiscard]] Status begin(Run& run);
  [[nodiscard]] Status work(Run& run);
  [[nodiscard]] Status send(Run& run, const MachineUpdated& step);
  [[nodiscard]] Status update(Run& run, MachineUpdated& step);
  [[nodiscard]] Status install(Run& run, const MachineUpdated& step);
  [[nodiscard]] Result<UpdateState> state_of(const MachineId& machine);
  [[nodiscard]] Status record_version(const MachineId& machine, const std::string& version);
  void note(const Run& run, std::string text, Event::Kind kind = Event::Kind::note);

  const MachineUpdateConfig config_;
  const Ports ports_;
};

}  // namespace ployz

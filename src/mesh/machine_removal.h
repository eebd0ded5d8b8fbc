// Removes a machine from the network: `machine rm`.
//
//   drain    everything of the newest commits moves away                       (MachineDrain)
//   leaving  compare-and-set of its record: drained → leaving, which no other state follows
//   hand over  the control plane's store, if it has it                         (StoreTransfer)
//   leave    it notes durably that it leaves, says so, and cleans itself
//   revoke   record, admission and claim of a subnet go, a tombstone stays     (revocation.h)
//   confirm  every member that answers has dropped its key                     (member_sync.h)
//   lose     every namespace becomes what it is without the machine, each by one operation of the
//            engine; after a drain only the volumes that removed namespaces had there (plan/loss.h)
//
// By force, of a machine that does not answer: revoke, confirm, lose.
//
// What it promises:
// - Everything that could refuse it is looked at before anything is changed, and data that exists
//   nowhere else goes only when that was said (`yes`).
// - Interrupted at any point, the same call goes on, by any daemon but the machine's own: the
// journal
//   (removal.h) says what was asked, the record's state how far it came. From `leaving` on, a
//   machine that does not answer is no obstacle: nothing is left there.
// - A record is never removed while a newest commit names something there that answers.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "mesh/machine_drain.h"
#include "mesh/moves_under_way.h"
#include "mesh/removal.h"
#include "mesh/removal_report.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/machine_rpc.h"

namespace ployz {

struct MachineRemovalConfig {
  MachineId self;
  // As AdmissionsConfig::sync_again.
  std::chrono::milliseconds sync_again{3000};
  // How often, and with which pause, a machine is told to leave before it counts as silent.
  int tell_tries = 5;
  std::chrono::milliseconds tell_pause{1000};
  // The same for a namespace that somebody works on, whose lease has to expire when it was the lost
  // machine: longer than EngineConfig::lease_ttl.
  int lose_tries = 12;
  std::chrono::milliseconds lose_pause{2000};
};

class MachineRemoval {
 public:
  struct Ports {
    Engine& engine;
    KeyValue& records;
    MachineRpc& rpc;
    Clock& clock;
    Entropy& entropy;
    CopyImage copy_image;
    MovesUnderWay& moves;  // of the store, by this daemon
  };
  MachineRemoval(MachineRemovalConfig config, Ports ports)
      : config_(std::move(config)), ports_(std::move(ports)) {}

  // Changes nothing. `not_found`; `precondition`: it is this very machine, the last one, or holds
  // the store; it does not answer and force was not said, or it answers and force was; something
  // fits nowhere.
  [[nodiscard]] Result<RemovalReport> preview(const RemovalRequest& request);
  // Errors: those of preview, and `precondition` with all that would be lost when `yes` was not
  // said; then nothing was changed. What goes wrong later is in the report.
  [[nodiscard]] Result<RemovalReport> run(const RemovalRequest& request, const EventSink& events,
                                          std::stop_token cancel);

  // Of an operation of kind machine_rm. Ended: as it is. abort: `precondition` once the machine was
  // told.
  [[nodiscard]] Result<Operation> resume(const OperationId& id, const EventSink& events,
                                         std::stop_token cancel);
  [[nodiscard]] Result<Operation> abort(const OperationId& id);

 private:
  // What one run works on.
  struct Run {
    Removal removal;
    RemovalRequest request;
    RemovalReport report;
    const EventSink& events;
    std::stop_token cancel;
  };
  [[nodiscard]] Result<RemovalRequest> with_earlier(const RemovalRequest& request);
  [[nodiscard]] Status look_at_member(const RemovalRequest& request, const Snapshot& stored,
                                      RemovalReport& report);
  [[nodiscard]] Status look_at_drain(const RemovalRequest& request, RemovalReport& report);
  [[nodiscard]] Status look_at_data(RemovalReport& report);
  [[nodiscard]] Status look_at_loss(RemovalReport& report);
  [[nodiscard]] Result<Snapshot> ask_all(const MachineId& machine);
  [[nodiscard]] PlanIdentity identity();
  [[nodiscard]] MachineDrain drain() {
    return MachineDrain(
        {ports_.engine, ports_.records, ports_.clock, ports_.entropy, ports_.copy_image});
  }

  [[nodiscard]] Result<Removal> begin(const RemovalRequest& request, const Machine& machine);
  [[nodiscard]] RemovalReport work(Run run);
  [[nodiscard]] Status empty(Run& run);
  [[nodiscard]] Status hand_over(Run& run);
  [[nodiscard]] Status tell(Run& run);
  [[nodiscard]] Status revoke_and_confirm(Run& run);
  [[nodiscard]] Status lose(Run& run);
  [[nodiscard]] Status lose_in(Run& run, const LossMove& move);
  void note(const Run& run, std::string text);

  MachineRemovalConfig config_;
  Ports ports_;
};

}  // namespace ployz

// The machine's side of the engine: executes steps addressed to this machine, idempotent by
// (operation, step), and answers what it is asked about itself. Serves the commands "facts",
// "probe", "step" and "dataset_offer" of ports/step_request.h, and "ping".
//
// What it promises:
// - A step that was finished is answered with its first result; one that runs is waited for.
// - A step whose undo was recorded is refused from then on (`conflict`), however late it arrives.
// - A request of a lower attempt than seen before is refused (`conflict`).
// - A failed apply is not recorded: the engine undoes it or repeats it.
// - No instance stands still for longer than the limit of its pause: whatever becomes of the
//   coordinator, the agent resumes it then, and every one when it starts.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "model/machine.h"
#include "plan/snapshot.h"
#include "ports/clock.h"
#include "ports/containers.h"
#include "ports/machine_rpc.h"
#include "ports/host.h"
#include "ports/step_journal.h"
#include "ports/step_request.h"
#include "ports/transfer.h"
#include "ports/volumes.h"

namespace ployz {

struct AgentConfig {
  Machine self;
  std::string cluster_domain = "cluster.local";
  uint32_t overcommit_permille = 1000;  // quotas that may be promised, of the pool's size
};

class Agent {
 public:
  struct Ports {
    Containers& containers;
    Images& images;
    StepJournal& journal;
    Prober& prober;
    HostFacts& host;
    Clock& clock;
    Volumes* volumes = nullptr;      // this machine keeps none
    Transfers* transfers = nullptr;  // needed to move datasets; outlives the agent
  };

  Agent(AgentConfig config, Ports ports);
  ~Agent();

  // The MachineRpc handler; thread-safe.
  [[nodiscard]] Result<Json> handle(const std::string& command, const Json& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ployz

// Executes steps at most once: finds finished ones in the journal, makes duplicates wait for the
// one that runs, and keeps apply and undo of one step apart.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "agent/agent.h"
#include "agent/dataset_receives.h"
#include "agent/dataset_steps.h"
#include "agent/instance_pauses.h"
#include "agent/readiness_waiter.h"
#include "agent/reservations.h"

namespace ployz {

// Thread-safe. Blocks as long as the action takes, except for the receive of a dataset. Every `run` must have returned before the
// destructor runs.
class StepExecutor {
 public:
  // The agent's other parts; they outlive it.
  struct Parts {
    ReadinessWaiter& readiness;
    Reservations& reservations;
    InstancePauses& pauses;
    DatasetSteps& datasets;
    DatasetReceives& receives;
  };
  StepExecutor(const AgentConfig& config, const Agent::Ports& ports, Parts parts)
      : config_(config), ports_(ports), parts_(parts) {}

  // The action's result, or the recorded one of its first time. Repeated while it runs, it attaches:
  // {"running":{}} after kStepReplyMs. `conflict`: replaced by a higher
  // attempt, or an apply after its undo. An undo first ends an apply that still runs. Undoing what
  // was never applied is recorded too, so that the apply may arrive late.
  [[nodiscard]] Result<Json> run(const StepRequest& request);

 private:
  struct Execution;
  using Slot = std::pair<OperationId, StepId>;

  std::optional<Result<Json>> begin(const StepRequest& request,
                                    const std::shared_ptr<Execution>& execution);
  void end(const StepRequest& request, Execution& execution, const Result<Json>& result);
  Result<Json> execute(const StepRequest& request, std::stop_token stop);
  Result<Json> apply(const StepRequest& request, std::stop_token stop);
  Result<Json> undo(const StepRequest& request, std::stop_token stop);
  Result<Json> act(const StepRequest& request, std::stop_token stop);
  Result<Json> run_instance(const StepRequest& request, const RunInstance& action);
  Result<Json> resume_instances(const StepRequest& request, const ResumeInstances& action);

  const AgentConfig& config_;
  const Agent::Ports& ports_;
  const Parts parts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Slot, std::shared_ptr<Execution>> running_;
};

}  // namespace ployz

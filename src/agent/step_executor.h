// Executes steps at most once: finds finished ones in the journal, makes duplicates wait for the
// one that runs, and keeps apply and undo of one step apart.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "agent/agent.h"
#include "agent/readiness_waiter.h"
#include "agent/reservations.h"

namespace ployz {

// Thread-safe. Blocks as long as the action takes. Every `run` must have returned before the
// destructor runs.
class StepExecutor {
 public:
  StepExecutor(const AgentConfig& config, const Agent::Ports& ports, ReadinessWaiter& readiness,
               Reservations& reservations)
      : config_(config), ports_(ports), readiness_(readiness), reservations_(reservations) {}

  // The action's result, or the recorded one of its first time. `conflict`: replaced by a higher
  // attempt, or an apply after its undo. An undo first ends an apply that still runs. Undoing what
  // was never applied is recorded too, so that the apply may arrive late.
  [[nodiscard]] Result<Json> run(const StepRequest& request);

 private:
  struct Execution;
  using Slot = std::pair<OperationId, StepId>;

  std::shared_ptr<Execution> begin(const StepRequest& request, bool& mine);
  void end(const StepRequest& request, Execution& execution, const Result<Json>& result);
  Result<Json> execute(const StepRequest& request, std::stop_token stop);
  Result<Json> apply(const StepRequest& request, std::stop_token stop);
  Result<Json> undo(const StepRequest& request, std::stop_token stop);
  Result<Json> act(const StepRequest& request, std::stop_token stop);

  const AgentConfig& config_;
  const Agent::Ports& ports_;
  ReadinessWaiter& readiness_;
  Reservations& reservations_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Slot, std::shared_ptr<Execution>> running_;
};

}  // namespace ployz

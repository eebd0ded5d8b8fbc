// An agent's journal in memory; survives the agent.
#pragma once

#include <map>
#include <mutex>

#include "ports/clock.h"
#include "ports/step_journal.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeStepJournal final : public StepJournal {
 public:
  FakeStepJournal(Hook& hook, Clock& clock) : hook_(hook), clock_(clock) {}
  Status admit(const OperationId& operation, uint64_t attempt) override;
  Result<std::optional<Json>> find(const StepKey& key) override;
  Status record(const StepKey& key, const Json& result) override;
  Status prune(uint64_t before_ms) override;

 private:
  struct Entry {
    uint64_t attempt = 0;
    uint64_t at_ms = 0;
    std::map<StepKey, Json> results;
  };
  Status enter(std::string_view call, const OperationId& operation);

  Hook& hook_;
  Clock& clock_;
  std::mutex mutex_;
  std::map<OperationId, Entry> operations_;
};

}  // namespace ployz::sim

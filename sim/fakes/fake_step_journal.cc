#include "sim/fakes/fake_step_journal.h"

#include <format>

namespace ployz::sim {

Status FakeStepJournal::enter(std::string_view call, const OperationId& operation) {
  if (hook_.enter(call, operation.str(), Kind::local) == Fate::normal) return {};
  return fail(Code::unavailable, "the journal's disk is full");
}

Status FakeStepJournal::admit(const OperationId& operation, uint64_t attempt) {
  TRY(enter("journal.admit", operation));
  const uint64_t now_ms = clock_.wall_ms();
  const std::lock_guard lock(mutex_);
  Entry& entry = operations_[operation];
  if (attempt < entry.attempt) {
    return fail(Code::conflict, std::format("operation {} is at attempt {}, not {} any more",
                                            operation.str(), entry.attempt, attempt));
  }
  if (attempt > entry.attempt) entry.at_ms = now_ms;
  entry.attempt = attempt;
  return {};
}

Result<std::optional<Json>> FakeStepJournal::find(const StepKey& key) {
  TRY(enter("journal.find", key.operation));
  const std::lock_guard lock(mutex_);
  const auto entry = operations_.find(key.operation);
  if (entry == operations_.end()) return std::nullopt;
  const auto result = entry->second.results.find(key);
  if (result == entry->second.results.end()) return std::nullopt;
  return result->second;
}

Status FakeStepJournal::record(const StepKey& key, const Json& result) {
  TRY(enter("journal.record", key.operation));
  const uint64_t now_ms = clock_.wall_ms();
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = operations_[key.operation];
    entry.results[key] = result;
    entry.at_ms = now_ms;
  }
  hook_.leave("journal.record", "recorded");
  return {};
}

Status FakeStepJournal::prune(uint64_t before_ms) {
  const std::lock_guard lock(mutex_);
  std::erase_if(operations_, [&](const auto& entry) { return entry.second.at_ms < before_ms; });
  return {};
}

}  // namespace ployz::sim

#include "model/measured.h"

#include <algorithm>
#include <set>

namespace ployz {
namespace {

uint64_t number(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

struct Window {
  uint64_t from_ms = 0;
  uint64_t until_ms = 0;
};

// The instances of this plan that mount a volume wait behind a stop.
Window downtime(const Operation& operation) {
  Window window;
  std::set<InstanceId> writers;
  for (const Step& step : operation.plan.apply) {
    const auto* run = std::get_if<RunInstance>(&step.action);
    if (run != nullptr && !run->datasets.empty()) writers.insert(run->instance);
  }
  for (const Step& step : operation.plan.apply) {
    const auto record = operation.steps.find(step.id);
    if (record == operation.steps.end() || record->second.state != StepState::done) continue;
    const StepRecord& done = record->second;
    if (std::holds_alternative<StopInstance>(step.action) && done.started_at_ms > 0) {
      window.from_ms = window.from_ms == 0 ? done.started_at_ms
                                           : std::min(window.from_ms, done.started_at_ms);
    }
    const auto* ready = std::get_if<AwaitReady>(&step.action);
    if (ready != nullptr && writers.contains(ready->instance)) {
      window.until_ms = std::max(window.until_ms, done.ended_at_ms);
    }
  }
  return window;
}

}  // namespace

Json measured(const Operation& operation) {
  Json out = Json::object();
  uint64_t bytes = 0, rounds = 0, paused_us = 0;
  bool paused = false, received = false;
  for (const Step& step : operation.plan.apply) {
    const auto record = operation.steps.find(step.id);
    if (record == operation.steps.end()) continue;
    const Json& result = record->second.result;
    if (std::holds_alternative<ReceiveDataset>(step.action)) {
      received = true;
      if (result.contains("skipped")) continue;
      bytes += number(result, "bytes");
      ++rounds;
    }
    if (result.is_object() && result.contains("paused_us")) {
      const auto* snapshot = std::get_if<SnapshotDatasets>(&step.action);
      paused = paused || snapshot == nullptr || !snapshot->pause.empty();
      paused_us = std::max(paused_us, number(result, "paused_us"));
    }
  }
  if (received) {
    out["bytes_sent"] = bytes;
    out["rounds"] = rounds;
  }
  if (paused) out["paused_ms"] = (paused_us + 500) / 1000;
  const Window window = downtime(operation);
  if (window.from_ms > 0 && window.until_ms > window.from_ms) {
    out["write_downtime_ms"] = window.until_ms - window.from_ms;
  }
  return out;
}

}  // namespace ployz

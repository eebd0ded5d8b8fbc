// Reads what planners look at: newest commits and machine records from the store, facts from every
// machine in one scatter-gather. Garbage in the store is named and skipped, never fatal.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "plan/snapshot.h"

namespace ployz {

struct ReadSnapshot {
  Snapshot snapshot;
  std::vector<std::string> notes;             // what was skipped, and why
  std::map<NamespaceName, Error> unreadable;  // namespaces whose newest commit does not parse
};

// Errors: the store's. A machine that does not answer is in Snapshot::silent.
[[nodiscard]] Result<ReadSnapshot> read_snapshot(const EngineConfig& config,
                                                 const Engine::Ports& ports,
                                                 const std::vector<std::string>& images);

// The machine records that parse, sorted by id.
[[nodiscard]] Result<std::vector<Machine>> read_machines(KeyValue& records,
                                                         std::vector<std::string>& notes);

}  // namespace ployz

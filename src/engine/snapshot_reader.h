// Reads what planners look at: newest commits and machine records from the store, facts from every
// machine in one scatter-gather. Garbage in the store is named and skipped, never fatal.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "plan/snapshot.h"
#include "ports/step_request.h"

namespace ployz {

struct ReadSnapshot {
  Snapshot snapshot;
  std::vector<std::string> notes;             // what was skipped, and why
  std::map<NamespaceName, Error> unreadable;  // namespaces whose newest commit does not parse
};

// The first part: what the store says, the machine records and newest commits. Errors: the store's.
[[nodiscard]] Result<ReadSnapshot> read_store(const EngineConfig& config,
                                              const Engine::Ports& ports);

// How far back the history of a namespace is looked at.
inline constexpr size_t kMaxHistory = 1000;

// The former commits of one namespace, newest first, without fences, at most kMaxHistory; what does
// not parse is noted and left out. Errors: the store's.
[[nodiscard]] Status read_history(CommitLog& log, const NamespaceName& name_space,
                                  ReadSnapshot& read);

// The second part: what the machines say. One that does not answer is in Snapshot::silent.
void ask_machines(const EngineConfig& config, const Engine::Ports& ports,
                  const FactsRequest& request, ReadSnapshot& read);

// The machine records that parse, sorted by id.
[[nodiscard]] Result<std::vector<Machine>> read_machines(KeyValue& records,
                                                         std::vector<std::string>& notes);

}  // namespace ployz

#include "sim/checkers/log_checker.h"

#include <format>

namespace ployz::sim {

void check_log(World& world) {
  std::map<NamespaceName, uint64_t> newest;
  std::map<OperationId, uint64_t> by_operation;
  for (const StoredCommit& stored : world.store.log()) {
    const auto commit = decode_commit(stored.bytes);
    if (!commit) {
      world.trace.violation(std::format("commit {} does not parse", stored.sequence));
      continue;
    }
    if (commit->parent_sequence != newest[stored.name_space]) {
      world.trace.violation(std::format("commit {} of {} names parent {}, but {} came before",
                                        stored.sequence, stored.name_space.str(),
                                        commit->parent_sequence, newest[stored.name_space]));
    }
    newest[stored.name_space] = stored.sequence;
    if (commit->kind == CommitKind::fence) {
      world.trace.counts.add(Count::fences);
      continue;
    }
    const auto [first, fresh] = by_operation.emplace(commit->operation, stored.sequence);
    if (!fresh) {
      world.trace.violation(std::format("operation {} committed twice: {} and {}",
                                        commit->operation.str(), first->second, stored.sequence));
    }
  }
}

}  // namespace ployz::sim

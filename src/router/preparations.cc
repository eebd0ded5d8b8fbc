#include "router/preparations.h"

#include <algorithm>
#include <format>
#include <utility>

namespace ployz {

Preparations::Known& Preparations::known(const OperationId& operation) {
  const auto [found, inserted] = known_.try_emplace(operation);
  if (inserted) {
    order_.push_back(operation);
    if (order_.size() > kMaxRememberedOperations) {
      known_.erase(order_.front());
      order_.pop_front();
    }
  }
  return found->second;
}

Status Preparations::admit(const OperationId& operation, uint64_t attempt) {
  Known& record = known(operation);
  if (attempt < record.attempt) {
    return fail(Code::conflict, std::format("attempt {} of operation {} was replaced by attempt {}",
                                            attempt, operation.str(), record.attempt));
  }
  record.attempt = attempt;
  return {};
}

void Preparations::pin(const Commit& candidate, const std::vector<Backend>& backends,
                       uint64_t now_ms) {
  Pinned& pinned = pinned_[candidate.operation];
  pinned.name_space = candidate.name_space;
  pinned.parent = candidate.parent_sequence;
  pinned.at_ms = now_ms;
  pinned.settled = false;
  for (const Backend& backend : backends) pinned.keys.insert(backend.key);
}

std::set<BackendKey> Preparations::discard(const OperationId& operation) {
  known(operation).discarded = true;
  auto pinned = pinned_.extract(operation);
  return pinned ? std::move(pinned.mapped().keys) : std::set<BackendKey>{};
}

Status Preparations::refuse_discarded(const OperationId& operation) const {
  const auto found = known_.find(operation);
  if (found == known_.end() || !found->second.discarded) return {};
  return fail(Code::conflict,
              std::format("operation {} has given its routes back", operation.str()));
}

void Preparations::settle(const NamespaceName& name_space, uint64_t newest) {
  for (auto& [operation, pinned] : pinned_) {
    if (pinned.name_space == name_space && pinned.parent < newest) pinned.settled = true;
  }
}

void Preparations::expire(uint64_t now_ms) {
  std::erase_if(pinned_,
                [&](const auto& entry) { return now_ms - entry.second.at_ms >= kPreparedTtlMs; });
}

bool Preparations::pins(const BackendKey& key) const {
  return std::ranges::any_of(pinned_, [&](const auto& entry) {
    return !entry.second.settled && entry.second.keys.contains(key);
  });
}

}  // namespace ployz

#include "sim/world/mutant_rpc.h"

namespace ployz::sim {

std::vector<Result<Json>> MutantRpc::call_all(const std::vector<Call>& calls,
                                              std::chrono::milliseconds timeout) {
  std::vector<Result<Json>> answers = real_.call_all(calls, timeout);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < calls.size(); ++i) {
    const RpcAddress& to = calls[i].to;
    if (mutation_ == Mutation::unreachable_confirmed) {
      if (to.command == "flip" && !answers[i]) answers[i] = Json::object();
    } else if (answers[i]) {
      former_[to] = *answers[i];
    } else if (const auto former = former_.find(to); former != former_.end()) {
      answers[i] = former->second;
    }
  }
  return answers;
}

}  // namespace ployz::sim

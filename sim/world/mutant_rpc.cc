#include "sim/world/mutant_rpc.h"

namespace ployz::sim {

Result<Json> MutantRpc::call(const RpcAddress& to, const Json& request,
                             std::chrono::milliseconds timeout) {
  auto answer = real_.call(to, request, timeout);
  const bool unknown = !answer && answer.error().effect == Effect::unknown;
  if (mutation_ == Mutation::unknown_is_fine && to.command == "step" && unknown) {
    return Json::object();
  }
  return answer;
}

std::vector<Result<Json>> MutantRpc::call_all(const std::vector<Call>& calls,
                                              std::chrono::milliseconds timeout) {
  std::vector<Result<Json>> answers = real_.call_all(calls, timeout);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < calls.size(); ++i) {
    const RpcAddress& to = calls[i].to;
    if (mutation_ == Mutation::unreachable_confirmed) {
      if (to.command == "flip" && !answers[i]) answers[i] = Json::object();
    } else if (mutation_ != Mutation::silent_is_fine) {
      continue;
    } else if (answers[i]) {
      former_[to] = *answers[i];
    } else if (const auto former = former_.find(to); former != former_.end()) {
      answers[i] = former->second;
    }
  }
  return answers;
}

}  // namespace ployz::sim

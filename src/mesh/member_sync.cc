#include "mesh/member_sync.h"

namespace ployz {
namespace {

// The answer may come a little after the member gave up waiting.
constexpr auto kSyncSlack = std::chrono::milliseconds(2000);
constexpr auto kSyncPause = std::chrono::milliseconds(250);

}  // namespace

std::vector<SilentMember> sync_members(MachineRpc& rpc, Clock& clock,
                                       const std::vector<Machine>& members,
                                       const MeshSyncRequest& request,
                                       std::chrono::milliseconds again) {
  const Json json = to_json(request);
  const uint64_t again_until_ms = clock.steady_ms() + static_cast<uint64_t>(again.count());
  std::vector<Machine> left = members;
  while (true) {
    std::vector<MachineRpc::Call> calls;
    for (const Machine& member : left) {
      calls.push_back({{member.id, Target::agent, "mesh_sync"}, json});
    }
    const auto answers = rpc.call_all(calls, kMeshSync + kSyncSlack);
    std::vector<SilentMember> silent;
    std::vector<Machine> missing;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i]) continue;
      silent.push_back({left[i].name, answers[i].error()});
      missing.push_back(left[i]);
    }
    if (missing.empty() || clock.steady_ms() >= again_until_ms ||
        !clock.sleep_for(kSyncPause, std::stop_token())) {
      return silent;
    }
    left = std::move(missing);
  }
}

}  // namespace ployz

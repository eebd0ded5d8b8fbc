#include "mesh/removal_inquiry.h"

namespace ployz {

std::optional<RemovalNotice> agreed_removal(uint64_t epoch,
                                            const std::vector<RemovalAnswer>& answers) {
  std::optional<RemovalNotice> newest;
  for (const RemovalAnswer& answer : answers) {
    if (answer.epoch < epoch) continue;
    if (!answer.removed) return std::nullopt;
    if (!newest || newest->removed_at_ms < answer.removed->removed_at_ms) newest = answer.removed;
  }
  return newest;
}

std::optional<RemovalNotice> ask_removal(MachineRpc& peers, const std::vector<Machine>& members,
                                         const MachineId& self, uint64_t epoch,
                                         std::chrono::milliseconds timeout) {
  std::vector<MachineRpc::Call> calls;
  for (const Machine& member : members) {
    if (member.id == self) continue;
    calls.push_back({{member.id, Target::agent, std::string(kPeerRemoval)}, Json::object()});
  }
  std::vector<RemovalAnswer> answers;
  for (const auto& reply : peers.call_all(calls, timeout)) {
    if (!reply) continue;
    if (auto answer = removal_answer_from_json(*reply)) answers.push_back(*std::move(answer));
  }
  return agreed_removal(epoch, answers);
}

}  // namespace ployz

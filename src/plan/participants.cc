#include "plan/participants.h"

#include <format>

namespace ployz {

const CommitEntry* newest_entry(const Snapshot& snapshot, const NamespaceName& name) {
  const auto found = snapshot.newest.find(name);
  return found == snapshot.newest.end() ? nullptr : &found->second;
}

const Commit* live_commit(const Snapshot& snapshot, const NamespaceName& name) {
  const CommitEntry* entry = newest_entry(snapshot, name);
  return entry == nullptr || entry->commit.removed ? nullptr : &entry->commit;
}

Result<std::vector<const Machine*>> router_participants(const Snapshot& snapshot) {
  std::vector<const Machine*> participants;
  for (const Machine& machine : snapshot.machines) {
    const auto facts = snapshot.facts.find(machine.id);
    if (facts == snapshot.facts.end()) continue;
    if (!facts->second.router_answers) {
      return fail(Code::precondition,
                  std::format("the router of machine {} does not answer", machine.name),
                  "on that machine: systemctl status ployz-router");
    }
    participants.push_back(&machine);
  }
  if (participants.empty()) {
    return fail(Code::precondition, "no machine of the network answers",
                "see: ployzctl machine ls");
  }
  return participants;
}

}  // namespace ployz

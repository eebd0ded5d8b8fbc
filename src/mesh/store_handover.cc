#include "mesh/store_handover.h"

#include <algorithm>
#include <format>
#include <tuple>

#include "base/join.h"

namespace ployz {
namespace {

bool may_hold(const Machine& machine) {
  return machine.state == MachineState::active || machine.state == MachineState::standby;
}

std::string names_of(const std::vector<Machine>& machines) {
  return machines.empty() ? "none" : join(machines | std::views::transform(&Machine::name));
}

}  // namespace

Result<std::optional<StoreRequest>> plan_handover(const Machine& leaver,
                                                  const RemovalRequest& removal,
                                                  std::vector<Machine> others) {
  if (!leaver.stores) return std::nullopt;
  const auto now = 1 + static_cast<uint64_t>(std::ranges::count(others, true, &Machine::stores));
  const uint64_t copies = removal.replicas == 0 ? now : removal.replicas;
  if (!is_replica_count(copies)) {
    return fail(Code::invalid, std::format("{} copies of the store", copies),
                "--replicas takes 1, 3 or 5");
  }
  if (removal.force && now == 1) {
    return fail(Code::precondition,
                std::format("machine {} held the only copy of the store", leaver.name),
                "bring that machine back: nothing else has all of it");
  }
  std::erase_if(others, [](const Machine& machine) { return !may_hold(machine); });
  std::ranges::sort(others, [](const Machine& a, const Machine& b) {
    return std::tuple(!a.stores, a.created_at_ms, a.id) <
           std::tuple(!b.stores, b.created_at_ms, b.id);
  });
  if (others.size() < copies) {
    const std::string hint =
        others.empty() ? "activate a machine, or add one: ployzctl machine add"
                       : "keep one copy: --replicas 1; or add a machine: ployzctl machine add";
    return fail(Code::precondition,
                std::format("machine {} holds one of {} copies of the store; there are to be {}, and "
                            "of the others only {} could: {}",
                            leaver.name, now, copies, others.size(), names_of(others)),
                hint);
  }
  StoreRequest request{copies, {}, false};
  for (uint64_t i = 0; i < copies; ++i) request.machines.push_back(others[i].id.str());
  return request;
}

}  // namespace ployz

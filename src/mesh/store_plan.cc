// Which machines are to hold the store: pure.
#include <algorithm>
#include <format>

#include "base/join.h"
#include "mesh/store_transfer.h"

namespace ployz {
namespace {

std::string names_of(const std::vector<const Machine*>& machines) {
  return machines.empty() ? "none" : join(machines | std::views::transform(&Machine::name));
}

Result<const Machine*> find(const std::vector<Machine>& machines, const std::string& name) {
  for (const Machine& machine : machines) {
    if (machine.name == name || machine.id.str() == name) return &machine;
  }
  return fail(Code::not_found, std::format("no machine {}", name), "see: ployzctl machine ls");
}

Status may_store(const Machine& machine) {
  if (machine.state == MachineState::active || machine.state == MachineState::standby) return {};
  return fail(Code::precondition,
              std::format("machine {} is {}, so it cannot hold the store", machine.name,
                          to_string(machine.state)),
              std::format("ployzctl machine activate {}, or name another", machine.name));
}

StoreEpoch epoch_of(std::vector<const Machine*> chosen, uint64_t epoch) {
  std::ranges::sort(chosen, {}, &Machine::id);
  StoreEpoch next{epoch, {}};
  for (const Machine* machine : chosen) {
    next.members.push_back({machine->id, machine->overlay_address});
  }
  return next;
}

}  // namespace

StoreEpoch store_of(const std::vector<Machine>& machines, uint64_t epoch) {
  std::vector<const Machine*> holders;
  for (const Machine& machine : machines) {
    if (machine.stores) holders.push_back(&machine);
  }
  return epoch_of(std::move(holders), epoch);
}

Result<StoreEpoch> plan_store(const StoreRequest& request, const std::vector<Machine>& machines,
                              uint64_t epoch) {
  if (!is_replica_count(request.replicas)) {
    return fail(Code::invalid, std::format("{} copies of the store", request.replicas),
                "--replicas takes 1, 3 or 5: an even number survives no more than the odd one below");
  }
  std::vector<const Machine*> chosen;
  for (const std::string& name : request.machines) {
    const Machine* machine = TRY(find(machines, name));
    TRY(may_store(*machine));
    if (!std::ranges::contains(chosen, machine)) chosen.push_back(machine);
  }
  if (chosen.size() > request.replicas) {
    return fail(Code::precondition, std::format("{} machines for {} copies of the store",
                                                chosen.size(), request.replicas));
  }
  for (const Machine& machine : machines) {
    if (chosen.size() == request.replicas) break;
    if (machine.stores && may_store(machine) && !std::ranges::contains(chosen, &machine)) {
      chosen.push_back(&machine);
    }
  }
  if (chosen.size() == request.replicas) return epoch_of(std::move(chosen), epoch + 1);
  std::vector<const Machine*> others;
  for (const Machine& machine : machines) {
    if (may_store(machine) && !std::ranges::contains(chosen, &machine)) others.push_back(&machine);
  }
  return fail(Code::precondition,
              std::format("{} copies of the store need {} more machines: {}", request.replicas,
                          request.replicas - chosen.size(), names_of(chosen)),
              std::format("name them; these could: {}", names_of(others)));
}

}  // namespace ployz

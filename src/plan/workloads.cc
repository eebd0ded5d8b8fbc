#include "plan/workloads.h"

#include <algorithm>
#include <format>

namespace ployz {

std::vector<Workload> workloads_on(const Snapshot& snapshot, const MachineId& machine) {
  std::vector<Workload> workloads;
  for (const auto& [name_space, entry] : snapshot.newest) {
    if (entry.commit.removed) continue;
    for (const CommittedService& committed : entry.commit.services) {
      const auto count =
          std::ranges::count(committed.instances, machine, &CommittedInstance::machine);
      if (count == 0) continue;
      workloads.push_back({name_space, committed.service.name, static_cast<uint32_t>(count)});
    }
  }
  std::ranges::sort(workloads, {}, &Workload::name);
  return workloads;
}

std::string name_some(const std::vector<Workload>& workloads) {
  constexpr size_t kNamed = 8;
  std::string text;
  for (size_t i = 0; i < std::min(kNamed, workloads.size()); ++i) {
    text += (i == 0 ? "" : ", ") + workloads[i].name();
  }
  if (workloads.size() > kNamed) text += std::format(" and {} more", workloads.size() - kNamed);
  return text;
}

}  // namespace ployz

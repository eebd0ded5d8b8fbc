#include "plan/placement.h"

#include <algorithm>
#include <format>
#include <tuple>

#include "base/join.h"

namespace ployz {
namespace {

uint32_t at(const Load& load, const MachineId& machine) {
  const auto found = load.find(machine);
  return found == load.end() ? 0 : found->second;
}

// Why a machine cannot take new instances; empty: it can.
std::string obstacle(const Machine& machine, const Snapshot& snapshot) {
  if (machine.state != MachineState::active) {
    return std::format("{} is {}", machine.name, to_string(machine.state));
  }
  if (snapshot.facts.contains(machine.id)) return {};
  return std::format("{} does not answer{}", machine.name, silence_of(snapshot, machine.id));
}

Result<std::vector<const Machine*>> allowed(const Service& service, const Snapshot& snapshot) {
  std::vector<const Machine*> machines;
  if (service.placement.machines.empty()) {
    for (const Machine& machine : snapshot.machines) machines.push_back(&machine);
    return machines;
  }
  for (const std::string& pin : service.placement.machines) {
    const Machine* machine = find_machine(snapshot, pin);
    if (machine == nullptr) {
      return fail(Code::precondition,
                  std::format("service {} is pinned to machine '{}', which does not exist",
                              service.name.str(), pin),
                  "list the machines with: ployzctl machine ls");
    }
    if (!std::ranges::contains(machines, machine)) machines.push_back(machine);
  }
  std::ranges::sort(machines, {}, [](const Machine* machine) { return machine->id; });
  return machines;
}

Error refusal(std::string message) {
  return {Code::precondition, Effect::none, std::move(message), "see: ployzctl machine ls", {}};
}

struct Candidate {
  const Machine* machine;
  uint32_t of_service;
  bool preferred;
  bool has_image;
  uint32_t in_all;
  uint64_t memory_free;

  // Without copies: it is compared some ten thousand times in a large plan.
  [[nodiscard]] std::tuple<uint32_t, bool, bool, uint32_t, uint64_t, const MachineId&> rank()
      const {
    return {of_service, !preferred, !has_image, in_all, ~memory_free, machine->id};
  }
};

std::string reason_for(const Candidate& best, const std::vector<Candidate>& all,
                       const Service& service) {
  if (!service.placement.machines.empty()) return "pinned";
  if (all.size() == 1) return "the only machine that fits";
  if (best.preferred) return "runs it already";
  const auto others = [&](auto&& same) {
    return std::ranges::any_of(
        all, [&](const Candidate& other) { return other.machine != best.machine && same(other); });
  };
  const auto level = [&](const Candidate& other) { return other.of_service == best.of_service; };
  // Said only where it decided: without it another would have been as good or better.
  if (best.has_image && others([&](const Candidate& other) {
        return level(other) && !other.has_image && other.in_all <= best.in_all;
      })) {
    return "has the image";
  }
  const bool tied = others([&](const Candidate& other) {
    return level(other) && other.has_image == best.has_image && other.in_all == best.in_all;
  });
  return tied ? "most free memory" : "fewest instances";
}

std::vector<Candidate> candidates_of(const SpreadRequest& request, const Snapshot& snapshot,
                                     const Load& load, std::vector<std::string>& excluded) {
  std::vector<Candidate> candidates;
  for (const Machine* machine : request.eligible->machines) {
    if (const auto why = request.image->missing.find(machine->id);
        why != request.image->missing.end()) {
      excluded.push_back(
          std::format("{} lacks the image and cannot pull it: {}", machine->name, why->second));
      continue;
    }
    candidates.push_back({machine, at(request.kept, machine->id),
                          at(request.previous, machine->id) > 0,
                          request.image->present.contains(machine->id), at(load, machine->id),
                          snapshot.facts.at(machine->id).memory_free_bytes});
  }
  return candidates;
}

// Those that have not the memory for one more.
void drop_full(const SpreadRequest& request, std::vector<Candidate>& candidates,
               std::vector<std::string>& excluded) {
  std::erase_if(candidates, [&](const Candidate& candidate) {
    const bool full = candidate.memory_free < request.memory_bytes;
    if (full) {
      excluded.push_back(std::format("{} has {} bytes of memory free, and {} are needed",
                                     candidate.machine->name, candidate.memory_free,
                                     request.memory_bytes));
    }
    return full;
  });
}

// Empty unless somebody has the image and who should run it has not.
std::string distribute_hint(const SpreadRequest& request) {
  const ResolvedImage& image = *request.image;
  if (image.missing.empty() || image.holder.empty()) return "";
  std::string to;
  for (const Machine* machine : request.eligible->machines) {
    if (image.missing.contains(machine->id)) to += (to.empty() ? "" : ",") + machine->name;
  }
  return std::format("copy it: ployzctl image distribute {} --from {} --to {}",
                     request.service->container.image, image.holder, to);
}

std::unexpected<Error> does_not_fit(const SpreadRequest& request,
                                    const std::vector<std::string>& excluded) {
  return fail(
      Code::precondition,
      std::format("no machine can take another instance of service {}{}{}",
                  request.service->name.str(), excluded.empty() ? "" : ": ", join(excluded, "; ")),
      request.one_per_machine ? "with network = \"host\" and ports, one machine runs one "
                                "instance; lower replicas or add machines"
                              : distribute_hint(request));
}

}  // namespace

const Machine* find_machine(const Snapshot& snapshot, std::string_view name_or_id) {
  for (const Machine& machine : snapshot.machines) {
    if (machine.name == name_or_id || machine.id.str() == name_or_id) return &machine;
  }
  return nullptr;
}

const Machine* find_machine(const Snapshot& snapshot, const MachineId& id) {
  const auto found = std::ranges::find(snapshot.machines, id, &Machine::id);
  return found == snapshot.machines.end() ? nullptr : &*found;
}

Result<const Machine*> known_machine(const Snapshot& snapshot, std::string_view name_or_id) {
  const Machine* machine = find_machine(snapshot, name_or_id);
  if (machine != nullptr) return machine;
  return fail(Code::not_found, std::format("there is no machine '{}'", name_or_id),
              "list them: ployzctl machine ls");
}

std::string machine_name(const Snapshot& snapshot, const MachineId& id) {
  const Machine* machine = find_machine(snapshot, id);
  return machine == nullptr ? id.str() : machine->name;
}

std::string silence_of(const Snapshot& snapshot, const MachineId& id) {
  const auto silent = snapshot.silent.find(id);
  return silent == snapshot.silent.end() ? "" : ": " + silent->second.message;
}

Result<Eligible> eligible_machines(const Service& service, const Snapshot& snapshot) {
  Eligible eligible;
  const std::string& name = service.name.str();
  const bool pinned = !service.placement.machines.empty();
  const auto must_run_there = [&](const std::string& why) {
    return refusal(std::format("service {} must run on a machine that cannot take it: {}", name, why));
  };
  for (const Machine* machine : TRY(allowed(service, snapshot))) {
    const std::string why = obstacle(*machine, snapshot);
    if (why.empty()) {
      eligible.machines.push_back(machine);
      continue;
    }
    // A pin names the machine, and `global` means every active one: neither may be skipped.
    const bool active = machine->state == MachineState::active;
    if (active && (pinned || service.placement.global)) return fail(must_run_there(why));
    if (pinned && !eligible.refused) eligible.refused = must_run_there(why);
    eligible.excluded.push_back(why);
  }
  if (eligible.machines.empty() && !eligible.refused) {
    eligible.refused = refusal(std::format(
        "no machine can run service {}: {}", name,
        eligible.excluded.empty() ? "the network has no machines" : join(eligible.excluded, "; ")));
  }
  return eligible;
}

Load count_load(const Snapshot& snapshot) {
  Load load;
  for (const auto& [machine, facts] : snapshot.facts) {
    load[machine] = static_cast<uint32_t>(facts.instances.size());
  }
  return load;
}

Result<Spread> place(const SpreadRequest& request, const Snapshot& snapshot, Load& load) {
  Spread spread{{}, request.eligible->excluded};
  std::vector<std::string>& excluded = spread.excluded;
  std::vector<Placed>& placed = spread.placed;
  std::vector<Candidate> candidates = candidates_of(request, snapshot, load, excluded);
  if (request.service->placement.global) {
    if (candidates.size() < request.eligible->machines.size()) {
      return does_not_fit(request, excluded);
    }
    for (Candidate& candidate : candidates) {
      if (candidate.of_service > 0) continue;
      ++load[candidate.machine->id];
      placed.push_back({candidate.machine, "global"});
    }
    return spread;
  }
  for (uint32_t i = 0; i < request.count; ++i) {
    drop_full(request, candidates, excluded);
    const auto best = std::ranges::min_element(candidates, {}, &Candidate::rank);
    if (best == candidates.end() || (request.one_per_machine && best->of_service > 0)) {
      return does_not_fit(request, excluded);
    }
    placed.push_back({best->machine, reason_for(*best, candidates, *request.service)});
    ++best->of_service;
    best->memory_free -= std::min(best->memory_free, request.memory_bytes);
    ++best->in_all;
    ++load[best->machine->id];
  }
  return spread;
}

}  // namespace ployz

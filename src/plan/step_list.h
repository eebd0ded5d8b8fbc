// Steps of a plan's apply list while it is made: gives them their ids. Pure.
#pragma once

#include <algorithm>
#include <format>
#include <utility>
#include <vector>

#include "model/plan.h"

namespace ployz {

using StepIds = std::vector<StepId>;

// Both, each step once.
[[nodiscard]] inline StepIds joined(StepIds one, const StepIds& other) {
  one.insert(one.end(), other.begin(), other.end());
  std::ranges::sort(one);
  one.erase(std::ranges::unique(one).begin(), one.end());
  return one;
}

class StepList {
 public:
  explicit StepList(Plan& plan) : plan_(plan) {}

  StepId add(const MachineId& machine, Target target, Action action, std::vector<Action> undo,
             StepIds after) {
    const StepId id(std::format("a{:03}", plan_.apply.size() + 1));
    plan_.apply.push_back(
        {id, machine, target, std::move(action), std::move(undo), std::move(after)});
    return id;
  }
  StepId agent(const MachineId& machine, Action action, std::vector<Action> undo, StepIds after) {
    return add(machine, Target::agent, std::move(action), std::move(undo), std::move(after));
  }
  // After the flip; none of them is undone.
  StepId cleanup(const MachineId& machine, Target target, Action action, StepIds after) {
    const StepId id(std::format("c{:03}", plan_.cleanup.size() + 1));
    plan_.cleanup.push_back({id, machine, target, std::move(action), {}, std::move(after)});
    return id;
  }

 private:
  Plan& plan_;
};

}  // namespace ployz

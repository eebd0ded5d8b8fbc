#include "engine/waves.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "base/check.h"

namespace ployz {

std::vector<std::vector<const Step*>> waves_of(const std::vector<Step>& steps) {
  std::unordered_map<std::string_view, size_t> index_of;
  for (size_t i = 0; i < steps.size(); ++i) index_of[steps[i].id.str()] = i;
  // By index, and every edge is looked at once: a wide plan has some hundred thousand.
  std::vector<size_t> waits_for(steps.size());
  std::vector<std::vector<size_t>> successors(steps.size());
  std::vector<size_t> ready;
  for (size_t i = 0; i < steps.size(); ++i) {
    waits_for[i] = steps[i].after.size();
    if (waits_for[i] == 0) ready.push_back(i);
    for (const StepId& before : steps[i].after) {
      const auto found = index_of.find(before.str());
      check(found != index_of.end(), "a step comes after one of the same list");
      successors[found->second].push_back(i);
    }
  }
  std::vector<std::vector<const Step*>> waves;
  size_t ordered = 0;
  while (!ready.empty()) {
    std::vector<const Step*> wave;
    std::vector<size_t> next;
    for (const size_t step : ready) {
      wave.push_back(&steps[step]);
      for (const size_t after : successors[step]) {
        if (--waits_for[after] == 0) next.push_back(after);
      }
    }
    ordered += wave.size();
    waves.push_back(std::move(wave));
    std::ranges::sort(next);  // the list's order
    ready = std::move(next);
  }
  check(ordered == steps.size(), "the steps of a plan are acyclic");
  return waves;
}

}  // namespace ployz

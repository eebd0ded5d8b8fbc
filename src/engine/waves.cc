#include "engine/waves.h"

#include <map>

#include "base/check.h"

namespace ployz {

std::vector<std::vector<const Step*>> waves_of(const std::vector<Step>& steps) {
  std::map<StepId, size_t> wave_of;
  std::vector<std::vector<const Step*>> waves;
  while (wave_of.size() < steps.size()) {
    std::vector<const Step*> wave;
    for (const Step& step : steps) {
      if (wave_of.contains(step.id)) continue;
      const bool ready = std::ranges::all_of(step.after, [&](const StepId& before) {
        const auto found = wave_of.find(before);
        return found != wave_of.end() && found->second < waves.size();
      });
      if (ready) wave.push_back(&step);
    }
    check(!wave.empty(), "the steps of a plan are acyclic");
    for (const Step* step : wave) wave_of[step->id] = waves.size();
    waves.push_back(std::move(wave));
  }
  return waves;
}

}  // namespace ployz

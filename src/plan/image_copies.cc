#include "plan/image_copies.h"

namespace ployz {

ImageCopies::ImageCopies(const MachineId& from, const std::vector<std::string>& images,
                         Snapshot& snapshot) {
  const auto source = snapshot.facts.find(from);
  if (source == snapshot.facts.end()) return;
  for (const Machine& machine : snapshot.machines) names_[machine.id] = machine.name;
  const auto has = source->second.images;
  for (const std::string& image : images) {
    const auto known = has.find(image);
    if (known == has.end()) continue;
    if (known->second != image) references_.insert(image);
    for (auto& [machine, facts] : snapshot.facts) {
      const bool added = facts.images.try_emplace(image, known->second).second;
      if (added && known->second == image) lacking_.insert({machine, image});
    }
  }
}

std::vector<ImageCopy> ImageCopies::needed_by(const Plan& plan) {
  std::vector<ImageCopy> copies;
  for (const Step& step : plan.apply) {
    const auto* ensure = std::get_if<EnsureImage>(&step.action);
    if (ensure == nullptr || lacking_.erase({step.machine, ensure->image_id}) == 0) continue;
    const bool named = references_.contains(ensure->reference);
    copies.push_back({named ? ensure->reference : ensure->image_id, ensure->image_id, step.machine,
                      names_[step.machine]});
  }
  return copies;
}

}  // namespace ployz

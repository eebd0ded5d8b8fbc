#include "plan/images.h"

#include <format>

#include "base/digest.h"

namespace ployz {
namespace {

std::unexpected<Error> ambiguous(std::string_view reference,
                                 const std::map<std::string, std::vector<std::string>>& by_id) {
  std::string list;
  for (const auto& [id, names] : by_id) {
    for (const std::string& name : names) {
      list += std::format("{}{} on {}", list.empty() ? "" : ", ", short_digest(id), name);
    }
  }
  return fail(Code::precondition,
              std::format("image {} is not the same on every machine: {}", reference, list),
              std::format("push the one that is meant to all of them: ployzctl image push {} --to "
                          "MACHINE",
                          reference));
}

std::map<std::string, std::vector<std::string>> elsewhere(const std::string& reference,
                                                          const Snapshot& snapshot) {
  std::map<std::string, std::vector<std::string>> by_id;
  for (const Machine& machine : snapshot.machines) {
    const auto facts = snapshot.facts.find(machine.id);
    if (facts == snapshot.facts.end()) continue;
    const auto id = facts->second.images.find(reference);
    if (id != facts->second.images.end()) by_id[id->second].push_back(machine.name);
  }
  return by_id;
}

std::unexpected<Error> absent(std::string_view reference, const ResolvedImage& image,
                              const std::vector<const Machine*>& machines) {
  const std::string first = machines.empty() ? "MACHINE" : machines.front()->name;
  const std::string push = std::format("ployzctl image push {} --to {}", reference, first);
  if (!image.pullable.empty()) {
    return fail(Code::precondition,
                std::format("image {} is on no machine yet; it could be pulled, but a plan needs "
                            "its id, which only a machine that has it can tell",
                            reference),
                std::format("push it with: {}", push));
  }
  std::string why = "no machine answered";
  for (const Machine* machine : machines) {
    const auto found = image.missing.find(machine->id);
    if (found != image.missing.end()) why = found->second;
  }
  return fail(Code::precondition,
              std::format("image {} is neither on a machine nor pullable: {}", reference, why),
              std::format("push it with: {}", push));
}

}  // namespace

Result<ResolvedImage> resolve_image(std::string_view reference,
                                    const std::vector<const Machine*>& machines,
                                    const Snapshot& snapshot) {
  ResolvedImage image;
  std::map<std::string, std::vector<std::string>> by_id;
  const std::string key(reference);
  for (const Machine* machine : machines) {
    const auto facts = snapshot.facts.find(machine->id);
    if (facts == snapshot.facts.end()) continue;
    if (const auto id = facts->second.images.find(key); id != facts->second.images.end()) {
      by_id[id->second].push_back(machine->name);
      image.present.insert(machine->id);
      continue;
    }
    const auto pull = facts->second.pullable.find(key);
    if (pull != facts->second.pullable.end() && pull->second.empty()) {
      image.pullable.insert(machine->id);
    } else {
      image.missing[machine->id] =
          pull == facts->second.pullable.end() ? "the machine did not say" : pull->second;
    }
  }
  // A machine that may not run it can still tell which image is meant.
  if (by_id.empty()) by_id = elsewhere(key, snapshot);
  if (by_id.size() > 1) return ambiguous(reference, by_id);
  if (by_id.empty()) return absent(reference, image, machines);
  image.id = by_id.begin()->first;
  image.holder = by_id.begin()->second.front();
  return image;
}

}  // namespace ployz

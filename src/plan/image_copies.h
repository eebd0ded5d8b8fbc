// Images that a machine has and others will need, because what runs there goes to them. Plans are made
// as if every machine had them; what a plan really needs copied first is told by its steps. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/machine.h"
#include "model/plan.h"
#include "plan/snapshot.h"

namespace ployz {

struct ImageCopy {
  std::string image;  // as the machine that has it knows it: its reference, or its id without one
  std::string image_id;
  MachineId to;
  std::string to_name;
  bool operator==(const ImageCopy&) const = default;
};

class ImageCopies {
 public:
  // Changes the facts of the others in `snapshot`, as far as they do not contradict: a reference that
  // means another image there stays what it is. `images`: references and ids of those that may be
  // needed, as in a SnapshotQuery.
  ImageCopies(const MachineId& from, const std::vector<std::string>& images, Snapshot& snapshot);

  // What the plan starts where it is not yet. Each is told once: after the plan it is there.
  [[nodiscard]] std::vector<ImageCopy> needed_by(const Plan& plan);

 private:
  std::set<std::pair<MachineId, std::string>> lacking_;  // ids of images
  std::set<std::string> references_;                     // of the machine that has them
  std::map<MachineId, std::string> names_;
};

}  // namespace ployz

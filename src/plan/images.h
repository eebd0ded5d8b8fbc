// From the image reference of a manifest to the id a commit records. Pure.
//
// The rules, in this order:
// - One id on the machines asked, or, when they have none, on the others that answer: that is it.
//   Machines without it must be able to pull it.
// - Different ids under one tag on different machines: refused, because which one is meant is the
//   operator's decision.
// - On no machine: refused, pullable or not, because a pull tells the id only when it is done and
//   a plan must say beforehand what it commits.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/machine.h"
#include "plan/snapshot.h"

namespace ployz {

struct ResolvedImage {
  std::string id;
  std::set<MachineId> present;
  std::set<MachineId> pullable;
  std::map<MachineId, std::string> missing;  // why it can be neither found nor pulled there
  std::string holder;                        // the name of a machine that has it
};

// `machines`: those that may run the image and answered. Errors are `precondition`.
[[nodiscard]] Result<ResolvedImage> resolve_image(std::string_view reference,
                                                  const std::vector<const Machine*>& machines,
                                                  const Snapshot& snapshot);

}  // namespace ployz

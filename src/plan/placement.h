// Which machines run a service. Pure and deterministic; every choice can be explained in the
// preview.
//
// New instances go only to `active` machines, to pinned ones when the service is pinned, and only
// to those that have the image or can pull it. Spread: the machine with the fewest instances of
// the service, then one that runs the service already, then one that has the image, then the
// fewest instances in all, then the most free memory, then the lowest id.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/machine.h"
#include "model/service.h"
#include "plan/images.h"
#include "plan/snapshot.h"

namespace ployz {

// The machine of this name or id; nullptr when there is none.
[[nodiscard]] const Machine* find_machine(const Snapshot& snapshot, std::string_view name_or_id);
[[nodiscard]] const Machine* find_machine(const Snapshot& snapshot, const MachineId& id);
// By name or id. `not_found`, told to whoever wrote the name.
[[nodiscard]] Result<const Machine*> known_machine(const Snapshot& snapshot,
                                                   std::string_view name_or_id);

// How people call it; the id of one that left the network.
[[nodiscard]] std::string machine_name(const Snapshot& snapshot, const MachineId& id);
// ": no responders": why a machine does not answer, as the end of a sentence that says so.
[[nodiscard]] std::string silence_of(const Snapshot& snapshot, const MachineId& id);

struct Eligible {
  std::vector<const Machine*> machines;  // sorted by id
  std::vector<std::string> excluded;     // "m2 is drained", "m3 does not answer: …"
  // Why no new instance can stand anywhere: a pinned machine is not active, or nothing is left.
  // What runs already may stay all the same.
  std::optional<Error> refused;
};

// The machines the placement allows, which are `active` and answered. `precondition`: a pinned
// machine does not exist or is silent; for `global`: any active machine is silent.
[[nodiscard]] Result<Eligible> eligible_machines(const Service& service, const Snapshot& snapshot);

// How many instances stand where, counting what the plan has placed so far.
using Load = std::map<MachineId, uint32_t>;
[[nodiscard]] Load count_load(const Snapshot& snapshot);

struct Placed {
  const Machine* machine = nullptr;
  std::string why;  // "pinned", "runs it already", "fewest instances", …
};

struct SpreadRequest {
  const Service* service = nullptr;
  const Eligible* eligible = nullptr;
  const ResolvedImage* image = nullptr;
  uint32_t count = 0;            // of new instances; ignored for global
  Load kept;                     // instances of the service that stay
  Load previous;                 // those that go: their machines are preferred
  bool one_per_machine = false;  // host network with ports
  uint64_t memory_bytes = 0;     // that must be free for each; 0: not looked at
};

struct Spread {
  std::vector<Placed> placed;
  std::vector<std::string> excluded;  // which machines could not be chosen, and why
};

// Counts what it places into `load`. `precondition` when not all fit, with every machine's reason.
[[nodiscard]] Result<Spread> place(const SpreadRequest& request, const Snapshot& snapshot,
                                   Load& load);

}  // namespace ployz

// A development cluster: machine containers of this computer's engine that form one network. The
// first carries the cluster's name ("dev-local"), the others "dev-local-2", "dev-local-3", …
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/machine_container.h"
#include "cli/session.h"

namespace ployz::cli {

inline constexpr uint64_t kMaxDevMachines = 200;
// Booting and joining load processor and disk; more at once end later.
inline constexpr size_t kMachinesAtOnce = 4;

// The context becomes the current one.
[[nodiscard]] Status remember_context(Session& session, const std::string& name,
                                      const ContextEntry& entry);
// --name, --image, --publish.
[[nodiscard]] Result<MachineOptions> machine_options(Session& session, const Args& args);

// Machine `number` (1 is the first) of a cluster.
[[nodiscard]] std::string dev_machine(const std::string& cluster, uint64_t number);
// 0: it is no machine of that cluster.
[[nodiscard]] uint64_t dev_number(const std::string& cluster, std::string_view machine);

// Names of the machines there are, by number. `precondition` when no engine answers.
[[nodiscard]] Result<std::vector<std::string>> dev_machines(Session& session,
                                                            const std::string& cluster);

struct DevUp {
  std::vector<MachineUp> machines;  // by number
  std::string network;
  bool changed = false;  // founded, or a machine was made or joined
};
// Machines 1 to `count` run and are one network when it returns. `count` 0: as many as there are,
// at least one. `precondition` when there are more already.
[[nodiscard]] Result<DevUp> dev_up(Session& session, const MachineOptions& first, uint64_t count);

}  // namespace ployz::cli

// A member's answers to the commands of mesh_calls.h, beside its agent's own.
#pragma once

#include <string>

#include "base/result.h"
#include "mesh/mesh_keeper.h"
#include "ports/clock.h"
#include "ports/echo.h"
#include "ports/host.h"

namespace ployz {

class MeshAgent {
 public:
  struct Ports {
    MeshKeeper& keeper;
    Echo& echo;
    Prober& prober;
    Executor& executor;
  };
  MeshAgent(MachineId self, Ports ports) : self_(std::move(self)), ports_(ports) {}

  [[nodiscard]] static bool knows(std::string_view command);
  // Thread-safe; `unsupported` for a command it does not know.
  [[nodiscard]] Result<Json> handle(const std::string& command, const Json& request);

 private:
  const MachineId self_;
  const Ports ports_;
};

}  // namespace ployz

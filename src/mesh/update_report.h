// What is asked of `machine update`, and what came of it (mesh/machine_update.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mesh/update_calls.h"
#include "model/machine.h"
#include "model/operation.h"

namespace ployz {

struct UpdateRequest {
  std::string version;  // of a package that a machine keeps
  // By name or id; none: every machine of the network.
  std::vector<std::string> machines;
  bool preview = false;
  // Of a preview only: the architecture of a package that nobody keeps yet. Empty: one that is kept.
  std::string architecture;
};

struct MachineUpdated {
  enum class Fate {
    planned,    // of a preview
    unchanged,  // had it
    updated,
    back,     // of its former version again: the new one was not healthy
    failed,   // see `error`; what it runs now is not known, or is neither
    waiting,  // not begun
  };
  MachineId machine;
  std::string name;
  std::string from;
  std::string to;
  Fate fate = Fate::waiting;
  std::optional<Error> error;
};

struct UpdateReport {
  OperationId operation;  // empty: unchanged, or a preview
  std::string version;
  bool preview = false;
  Outcome outcome = Outcome::unchanged;
  std::vector<MachineUpdated> machines;  // in the order in which they are updated
  std::optional<Error> error;
};

[[nodiscard]] std::string_view to_string(MachineUpdated::Fate fate);

}  // namespace ployz

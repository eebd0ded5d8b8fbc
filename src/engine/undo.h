// Takes back what plan.apply did: the waves in reverse, every undo action of every step that was
// started.
#pragma once

#include <string>
#include <vector>

#include "engine/session.h"

namespace ployz {

struct UndoResult {
  // What could not be undone, with the reason: the operation must not end.
  std::vector<std::string> left;
  // What will never be as it was, though nothing of the operation is left: an old container that
  // somebody else removed meanwhile.
  std::vector<std::string> lost;
};

// Goes on past failures. The caller has journalled `undoing`. Repeating it is safe: machines
// answer an undo they did before with its first result. Machines that left the network are passed
// over. Cannot be canceled.
[[nodiscard]] UndoResult undo_steps(Session& session);

}  // namespace ployz

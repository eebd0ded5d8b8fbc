// The image commands that are about several machines.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/session.h"

namespace ployz::cli {

struct NamedMachine {
  std::string id;
  std::string name;
  bool self = false;  // the context's
};

// The machines of "m1,m2", by name or id, in the daemon's order, or of "all". `not_found` names those
// there are.
[[nodiscard]] Result<std::vector<NamedMachine>> machines_named(const ApiClient& client,
                                                               const std::vector<std::string>& to);

// Sends an image the machine `from` has to others; `to` empty: all that lack it. Its answer has one
// line a machine, and exit code 1 if one of them failed.
[[nodiscard]] Result<Answer> distribute(Session& session, const std::string& reference,
                                        const NamedMachine* from,
                                        const std::vector<NamedMachine>& to);

[[nodiscard]] CommandSpec image_distribute_command();
// Of one image on every machine.
[[nodiscard]] Result<Answer> image_on_machines(Session& session, const std::string& reference);

}  // namespace ployz::cli

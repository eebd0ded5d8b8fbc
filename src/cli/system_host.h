// The operator's computer itself.
#pragma once

#include <memory>

#include "cli/host.h"

namespace ployz::cli {

// Blocks SIGINT in the calling thread and in every one started later, and gives it to
// interrupts(); without a listener the program ends as if by the signal.
[[nodiscard]] std::unique_ptr<CliHost> make_system_host();

}  // namespace ployz::cli

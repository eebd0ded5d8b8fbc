// ployzctl without main(): words in, exit code out.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/host.h"

namespace ployz::cli {

// Exit codes of product.md: 0 done, 1 failed, 2 usage or configuration, 3 refused, 4 committed
// with the cleanup pending. With --json exactly one JSON document goes to stdout, errors included.
[[nodiscard]] int run_cli(CliHost& host, const std::vector<std::string>& words);

[[nodiscard]] int exit_code_of(const Error& error);

}  // namespace ployz::cli

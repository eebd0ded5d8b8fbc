// Where a command finds a join token: --token, --token-stdin or --token-file. On the command line
// everybody on the computer may read it for as long as the command runs, so the other two come
// first in help and examples, and apps/ployzctl overwrites it there at once.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace ployz::cli {

[[nodiscard]] std::vector<OptionSpec> token_options();
[[nodiscard]] bool has_token(const Args& args);
// A token that parses. `invalid`: none or several were given, or it is none; it is never shown.
[[nodiscard]] Result<std::string> token_of(Session& session, const Args& args);

// "xxxx…" over the values of --token in the arguments of main().
void hide_token(int argc, char** argv);

}  // namespace ployz::cli

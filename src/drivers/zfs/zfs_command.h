// `zfs` as a child process: its stable interface (zfs(8), "Script mode"), without a shell. Errors
// become ours by what it prints, which is the only way it tells them apart; LC_ALL=C keeps that in
// one language.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"

namespace ployz {

// `zfs ARGUMENTS`, for Child::start and run.
[[nodiscard]] Command zfs_command(std::vector<std::string> arguments);

// Its standard output. Errors as zfs_error tells them; `timeout` with effect unknown.
[[nodiscard]] Result<std::string> zfs(std::vector<std::string> arguments);

// From an exit status other than 0 and what was printed with it. `not_found`: no such dataset or
// snapshot, or pool; `exists`; `conflict`: busy; `precondition`: full, with a hint; `corrupt`: a
// received stream; `unavailable`: the pool is suspended or cannot be written, or the kernel module
// is not loaded; else `internal`. Effect none: every zfs command of ours does all or nothing.
[[nodiscard]] Error zfs_error(std::string_view printed);

// Lines of tab-separated fields, as `-H` prints them; a dash is an absent value and becomes empty.
[[nodiscard]] std::vector<std::vector<std::string>> zfs_rows(std::string_view printed);

}  // namespace ployz

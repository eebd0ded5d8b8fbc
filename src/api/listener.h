// The control socket's address: who may connect, and what happens to one that a dead daemon left.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace ployz {

// A listening unix stream socket, mode 0660, of `group` where the system has that group (otherwise
// the caller's). A socket that nobody listens on is replaced; `exists` when somebody does, or when
// the path is something else than a socket. `denied`, `invalid` (path too long), `not_found` (no
// such folder).
[[nodiscard]] Result<Fd> listen_unix(const std::string& path, const std::string& group);

}  // namespace ployz

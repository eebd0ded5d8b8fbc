// Whether servers accept connections: what stands between a new backend and its first request.
// HAProxy has no event for the first health check of a server, so this connects itself, from the
// same host, which takes as long as the server needs and no longer.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace ployz {

// Success when each of the addresses ("10.101.0.7:8080") has accepted one TCP connection.
// `precondition` after `timeout`, naming one that did not, and why.
[[nodiscard]] Status await_servers(const std::vector<std::string>& addresses,
                                   std::chrono::milliseconds timeout);

}  // namespace ployz

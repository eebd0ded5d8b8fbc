// One client's connection: parses requests (Beast), runs their routes, writes answers.
#pragma once

#include <stop_token>

#include "api/live_operations.h"
#include "api/service.h"
#include "base/fd.h"

namespace ployz {

// Serves requests until the client leaves, errs, stays idle, or `stop` is requested.
void serve_connection(Fd client, ApiService& service, LiveOperations& live, std::stop_token stop);
// Answers 503 without reading, and closes.
void refuse_connection(Fd client, size_t max_connections);

}  // namespace ployz

// The HTTP server on the control socket: one thread per connection, bounded. Everything about
// requests is in src/api/routes.h.
#pragma once

#include <memory>
#include <string>

#include "api/live_operations.h"
#include "api/service.h"
#include "base/result.h"

namespace ployz {

struct ApiServerConfig {
  std::string socket_path = "/run/ployz/ployzd.sock";
  std::string group = "ployz";
  // People and scripts on one machine; each connection costs a thread. More are answered 503.
  size_t max_connections = 64;
};

class ApiServer {
 public:
  // Listens when it returns. Errors as listen_unix (src/api/listener.h). The service outlives the
  // server.
  [[nodiscard]] static Result<std::unique_ptr<ApiServer>> start(ApiServerConfig config,
                                                                ApiService& service);
  // Stops accepting, cuts connections, and waits for operations that run: call live().abort_all()
  // first to make that short. Removes the socket.
  virtual ~ApiServer() = default;
  [[nodiscard]] virtual LiveOperations& live() = 0;
};

}  // namespace ployz

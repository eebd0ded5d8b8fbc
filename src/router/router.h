// The router of one machine: keeps gateway and DNS equal to the projection of the newest commits.
// Holds no truth of its own: what it serves is cached on disk only so that it can start without
// the store.
//
// Threading: commits arrive on one thread, commands (step, flip) on others; one worker applies.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "plan/snapshot.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/dns.h"
#include "ports/gateway.h"
#include "ports/projection_cache.h"
#include "ports/step_request.h"

namespace ployz {

class Router {
 public:
  struct Ports {
    Gateway& gateway;
    Dns& dns;
    ProjectionCache& cache;
    Clock& clock;
  };

  Router(ClusterConfig config, Ports ports);
  ~Router();

  // Serves the cached commits at once, if there are any. Call first.
  [[nodiscard]] Status start();

  // A commit seen in the log; a lower sequence than known is ignored, garbage is logged and
  // ignored (the namespace keeps serving what it served).
  void on_commit(const StoredCommit& commit);
  // The log's present is complete: from now on namespaces not seen are gone.
  void on_caught_up();

  // Commands "step" (PrepareRoutes, DiscardRoutes, DrainRoutes), "flip", "ping".
  [[nodiscard]] Result<Json> handle(const std::string& command, const Json& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ployz

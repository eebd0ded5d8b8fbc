// The router of one machine: keeps gateway and DNS equal to the projection of the newest commits.
// Holds no truth of its own: what it serves is cached on disk only so that it can start without
// the store.
//
// Every pass does, in this order: backends (health-checked), cache, one atomic switch of all gateway
// routes, DNS. Commits that arrive meanwhile are served by one next pass.
//
// - A commit is the truth: a server of it that fails its health check is logged and routed to all
//   the same (PrepareRoutes, before the commit, is what refuses it). A namespace whose backends
//   cannot be taken at all keeps serving what it served; its flip says why; the pass is repeated.
// - Before the first complete reading of the log nothing is served but the cache, and that only when
//   the gateway does not show newer commits already.
// - What no route names and no operation prepared is retired by DrainRoutes, or kLazyRetireMs later.
//
// Threading: commits arrive on one thread, commands (step, flip) on others; one worker applies.
#pragma once

#include <chrono>
#include <functional>
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

// Below the engine's flip_timeout, so that the reason arrives instead of a timeout.
inline constexpr std::chrono::milliseconds kFlipWait{4500};
inline constexpr std::chrono::milliseconds kPrepareHealth{8000};
// After a commit whose backends nobody prepared here.
inline constexpr std::chrono::milliseconds kFlipHealth{1000};
inline constexpr uint64_t kLazyRetireMs = 60'000;

class Router {
 public:
  struct Ports {
    Gateway& gateway;
    Dns& dns;
    ProjectionCache& cache;
    Clock& clock;
    std::function<void(const std::string&)> log = {};  // one line; called on any thread
  };

  Router(ClusterConfig config, Ports ports);
  ~Router();

  // Serves the cached commits at once, if there are any: a gateway that is away is tried again in the
  // background. Call first, once. Fails never so far; what went wrong is logged.
  [[nodiscard]] Status start();

  // A commit seen in the log; a lower sequence than known is ignored, garbage is logged and
  // ignored (the namespace keeps serving what it served).
  void on_commit(const StoredCommit& commit);
  // The log's present is complete: from now on namespaces not seen are gone.
  void on_caught_up();

  // Commands, all idempotent:
  // - "step" PrepareRoutes: `precondition` naming a server that fails its health check within
  //   kPrepareHealth; `conflict` after DiscardRoutes of the same operation, for a replaced attempt,
  //   and when the namespace has moved past the candidate's parent.
  // - "step" DiscardRoutes: succeeds also for what was never prepared.
  // - "step" DrainRoutes: `unavailable` while the newest commit is not served here yet.
  // - "step" AwaitRoutes: see the action; `unavailable` only when the gateway itself is away.
  // - "flip": `timeout`, effect none, after kFlipWait; the message says what is missing.
  // - "ping": {"version", "protocol", "serving"}.
  // - "status": a RouterStatus (ports/router_status.h).
  [[nodiscard]] Result<Json> handle(const std::string& command, const Json& request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ployz

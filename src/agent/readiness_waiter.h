// Waits until an instance is ready: repeated attempts of its probe, ended at once by the exit of
// its container (from the engine's events, the engine is never polled).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "base/json.h"
#include "ports/clock.h"
#include "ports/containers.h"
#include "ports/host.h"

namespace ployz {

// Thread-safe; `wait` blocks for at most the start period (readiness `none`: the interval) and one
// attempt. Every wait must have returned before the destructor runs: cancel_all makes them.
class ReadinessWaiter {
 public:
  ReadinessWaiter(Containers& containers, Prober& prober, Clock& clock)
      : containers_(containers), prober_(prober), clock_(clock) {}

  // {"ready_ms", "attempts"}. `precondition`: the container exited, restarted, or was not ready in
  // time; the message says which, with its last answer, and context "log" is the tail of its log.
  // `canceled`: `stop`, cancel or cancel_all.
  [[nodiscard]] Result<Json> wait(const AwaitReady& action, std::stop_token stop);
  // Ends the running waits for this instance.
  void cancel(const InstanceId& instance);
  void cancel_all();

 private:
  struct Wait;
  class Registration;

  Status ensure_watching();
  void on_change(const FoundInstance& instance);
  Result<Json> wait_running(const AwaitReady& action, Wait& wait);
  Result<Json> wait_probed(const AwaitReady& action, Wait& wait);
  Status attempt(const AwaitReady& action, std::chrono::milliseconds timeout);
  std::unexpected<Error> ended(const AwaitReady& action, Wait& wait);
  std::unexpected<Error> not_ready(const AwaitReady& action, std::string message);

  Containers& containers_;
  Prober& prober_;
  Clock& clock_;
  std::mutex mutex_;  // guards waits_ and the waits' own fields; never held over a port call
  std::multimap<InstanceId, std::shared_ptr<Wait>> waits_;
  std::mutex watch_mutex_;  // one subscriber at a time
  std::unique_ptr<Subscription> watch_;  // last: its callback uses all of the above
};

}  // namespace ployz

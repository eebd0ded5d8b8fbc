// Keeps this machine's copy of the store (drivers/nats/mirrors.h) and knows how far it is: again
// and again the store is asked how much it has, and the copy whether that has arrived. Only what
// was seen so counts; what nats-server says of its own lag does not.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/result.h"
#include "doctor/checkup.h"
#include "drivers/nats/connection.h"
#include "mesh/copy_progress.h"
#include "model/names.h"
#include "paths.h"
#include "ports/clock.h"

namespace ployz {

class StoreCopy {
 public:
  // `connection`: of this machine's daemon. It outlives this.
  StoreCopy(MachineId self, Paths paths, NatsConnection& connection, Clock& clock)
      : self_(std::move(self)), paths_(std::move(paths)), connection_(connection), clock_(clock) {}

  // From now on a copy of this epoch is kept, on a thread of its own, until end().
  void keep(uint64_t epoch);
  void end();
  // What a peer is told. Not complete: none is kept, or it does not answer. Thread-safe; asks only
  // this machine's server.
  [[nodiscard]] MirrorReach reach(uint64_t epoch);
  // What was seen of it, without asking anybody. Nothing: none is kept. Thread-safe.
  [[nodiscard]] std::optional<CopyFacts> facts() const;

 private:
  void run(const std::stop_token& stop, uint64_t epoch);
  [[nodiscard]] Status look(const std::stop_token& stop, uint64_t epoch);
  [[nodiscard]] std::optional<CopyProgress> noted(uint64_t epoch) const;
  [[nodiscard]] std::optional<CopyProgress> progress() const;
  void set_progress(const std::optional<CopyProgress>& progress);

  const MachineId self_;
  const Paths paths_;
  NatsConnection& connection_;
  Clock& clock_;
  bool made_ = false;         // of the thread, as the next
  uint64_t noted_at_ms_ = 0;  // steady
  std::atomic<uint64_t> kept_since_ms_ = 0;  // wall clock; 0: none is kept
  mutable std::mutex mutex_;
  std::optional<CopyProgress> progress_;  // guarded by mutex_
  std::jthread thread_;                   // last: it uses the others
};

}  // namespace ployz

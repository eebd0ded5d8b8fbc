// The mutating calls that run in this daemon. Each runs on a thread of its own with its events
// kept, so it does not notice who listens: a client may stall, vanish, or come back and watch from
// the beginning. Only abort() reaches it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <vector>

#include "api/service.h"
#include "base/json.h"
#include "base/result.h"

namespace ployz {

// More at once are refused with `unavailable`. Operations of one namespace exclude each other
// anyway; this bounds threads.
inline constexpr size_t kMaxLiveOperations = 32;
// An operation of the largest plan has about three events a step; what exceeds this is dropped.
inline constexpr size_t kMaxLiveEvents = 100000;

class LiveOperation {
 public:
  // Blocks until event number `index` exists or the call has ended. Nullopt: ended before it.
  [[nodiscard]] std::optional<Event> event(size_t index);
  // Blocks until the end.
  [[nodiscard]] Result<Json> result();
  void abort() { stop_.request_stop(); }

 private:
  friend class LiveOperations;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
  std::optional<Result<Json>> result_;
  std::set<OperationId> ids_;  // that its events carry: a drain has several, one after the other
  std::stop_source stop_;
  std::jthread thread_;
};

class LiveOperations {
 public:
  using Call = std::function<Result<Json>(const EventSink&, std::stop_token)>;

  LiveOperations() = default;
  // Waits for every call to end; abort_all() first to make that short.
  ~LiveOperations();
  LiveOperations(const LiveOperations&) = delete;
  LiveOperations& operator=(const LiveOperations&) = delete;

  // Starts the call. `unavailable` when too many run.
  [[nodiscard]] Result<std::shared_ptr<LiveOperation>> start(Call call);
  // Null: not running here (any more).
  [[nodiscard]] std::shared_ptr<LiveOperation> find(const OperationId& id);
  void abort_all();

 private:
  void forget_ended();

  std::mutex mutex_;
  std::vector<std::shared_ptr<LiveOperation>> calls_;
};

}  // namespace ployz

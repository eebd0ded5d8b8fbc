// Instances of this machine that stand still for the moment of a snapshot, and the watchdog that
// ends it: nobody may be left paused because a coordinator, the network or this daemon died.
//
// What it promises: an instance goes on at the latest when the limit of its pause has passed, and
// when the agent starts every instance goes on, because a former life may have left it paused.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/json.h"
#include "model/action.h"
#include "ports/clock.h"
#include "ports/containers.h"

namespace ployz {

// Thread-safe. The constructor returns at once: what was left paused is resumed by a thread, as soon
// as the container engine answers; until then `pause` waits. The destructor resumes what is paused.
class InstancePauses {
 public:
  InstancePauses(Containers& containers, Clock& clock);
  ~InstancePauses();

  // All of them stand still when it returns, or none. While another operation has paused one of
  // them it waits, not for long: then `conflict`. `precondition`: one does not run; `invalid`: a
  // limit beyond kMaxPause; `unavailable`: the engine has not answered since the agent started;
  // else the engine's.
  [[nodiscard]] Status pause(const OperationId& operation, const std::vector<InstanceId>& instances,
                             std::chrono::milliseconds limit);
  // All that the operation has paused go on. {"paused_us"}: how long the first of them stood still.
  // `precondition`: the limit of one had passed before, or the agent was started anew. Errors of
  // the engine: they stay the watchdog's, and the call may be repeated.
  [[nodiscard]] Result<Json> resume(const OperationId& operation,
                                    const std::vector<InstanceId>& instances);
  // The same as an undo: whether they stood still, and for how long, does not matter.
  [[nodiscard]] Status release(const OperationId& operation,
                               const std::vector<InstanceId>& instances);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Paused {
    OperationId operation;
    Time since;
    Time until;         // when the watchdog acts
    bool asked = true;  // the engine has not answered yet, so the pause may still come
    bool late = false;  // the limit has passed: the pause is worth nothing any more
    bool over = false;  // and the instance goes on
  };
  using Entry = std::map<InstanceId, Paused>::value_type;

  void watch(const std::stop_token& stop);
  [[nodiscard]] bool resume_everything();
  void resume_late(std::unique_lock<std::mutex>& lock, Time now);
  [[nodiscard]] bool may_pause(const std::vector<InstanceId>& instances);
  [[nodiscard]] std::vector<InstanceId> owned(const OperationId& operation,
                                              const std::vector<InstanceId>& instances);
  [[nodiscard]] Status unpause_all(const std::vector<InstanceId>& instances);
  [[nodiscard]] Status each(const std::vector<InstanceId>& instances,
                            const std::function<Status(const InstanceId&)>& act);

  Containers& containers_;
  Clock& clock_;
  std::mutex mutex_;  // never held over a call of the engine
  std::condition_variable_any changed_;
  bool started_ = false;  // what a former life left paused goes on
  bool acting_ = false;   // the watchdog resumes some right now: no new pause of these may begin
  std::map<InstanceId, Paused> paused_;
  std::jthread watchdog_;  // last: it uses all of the above
};

inline constexpr std::chrono::milliseconds kMaxPause{30'000};

}  // namespace ployz

#include "agent/instance_pauses.h"

#include <algorithm>
#include <format>
#include <set>

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long a pause waits for its turn: other pauses are about as short, and an engine that has not
// answered since the agent started may do so any moment.
constexpr milliseconds kTurnPatience{3000};
// Between two attempts of the watchdog, when the engine does not answer.
constexpr milliseconds kAgain{500};
// A pause is two short requests to the engine; more at once would only queue up there.
constexpr size_t kLanes = 8;

bool needs_nothing(const Status& resumed) {
  return resumed || resumed.error().code == Code::not_found ||
         resumed.error().code == Code::precondition;
}

}  // namespace

InstancePauses::InstancePauses(Containers& containers, Clock& clock)
    : containers_(containers),
      clock_(clock),
      watchdog_([this](const std::stop_token& stop) { watch(stop); }) {}

InstancePauses::~InstancePauses() {
  watchdog_.request_stop();
  watchdog_.join();
  // Nobody would end these: the next life may be long in coming.
  std::vector<InstanceId> left;
  for (const auto& [id, paused] : paused_) {
    if (!paused.over) left.push_back(id);
  }
  (void)unpause_all(left);
}

Status InstancePauses::each(const std::vector<InstanceId>& instances,
                            const std::function<Status(const InstanceId&)>& act) {
  std::vector<Status> results(instances.size());
  std::mutex mutex;
  size_t next = 0;
  const auto lane = [&] {
    while (true) {
      size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (next == instances.size()) return;
        mine = next++;
      }
      results[mine] = act(instances[mine]);
    }
  };
  {
    std::vector<std::jthread> lanes;
    for (size_t i = 1; i < std::min(kLanes, instances.size()); ++i) lanes.emplace_back(lane);
    lane();
  }
  for (Status& result : results) TRY(std::move(result));
  return {};
}

Status InstancePauses::unpause_all(const std::vector<InstanceId>& instances) {
  return each(instances, [this](const InstanceId& id) -> Status {
    Status resumed = containers_.unpause(id);
    return needs_nothing(resumed) ? Status{} : resumed;
  });
}

bool InstancePauses::may_pause(const std::vector<InstanceId>& instances) {
  return started_ && std::ranges::none_of(instances, [this](const InstanceId& id) {
           const auto found = paused_.find(id);
           return found != paused_.end() && !found->second.over;
         });
}

Status InstancePauses::pause(const OperationId& operation,
                             const std::vector<InstanceId>& instances, milliseconds limit) {
  if (limit > kMaxPause || limit <= milliseconds(0)) {
    return fail(Code::invalid, std::format("a pause of {} ms", limit.count()));
  }
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kTurnPatience, [&] { return may_pause(instances); })) {
      if (started_) {
        return fail(Code::conflict, "another operation has paused the same instances",
                    "run the command again");
      }
      return fail(Code::unavailable,
                  "the container engine has not answered since this machine's agent started",
                  "run the command again");
    }
    // Before they stand still, so that the watchdog knows of them whatever happens to this thread.
    const auto now = steady_clock::now();
    for (const InstanceId& id : instances) paused_[id] = {operation, now, now + limit};
    changed_.notify_all();
  }
  const Status paused =
      each(instances, [this](const InstanceId& id) { return containers_.pause(id); });
  {
    // Answered or not, nobody asks for these pauses any more: the watchdog's next resume is the last
    // (seed 1822: a pause whose answer was lost, and a resume that was refused, kept it at work and
    // every later pause away).
    const std::lock_guard lock(mutex_);
    for (const InstanceId& id : instances) {
      const auto found = paused_.find(id);
      if (found != paused_.end() && found->second.operation == operation) {
        found->second.asked = false;
      }
    }
  }
  if (paused) return {};
  (void)release(operation, instances);
  Error error = paused.error();
  if (error.code == Code::precondition && error.hint.empty()) {
    error.hint = "start it, or do without a pause: --consistency crash";
  }
  return fail(std::move(error));
}

// Those of them that this operation has paused and nobody has resumed.
std::vector<InstanceId> InstancePauses::owned(const OperationId& operation,
                                              const std::vector<InstanceId>& instances) {
  std::vector<InstanceId> its;
  const std::lock_guard lock(mutex_);
  for (const InstanceId& id : instances) {
    const auto found = paused_.find(id);
    if (found == paused_.end() || found->second.operation != operation) continue;
    if (!found->second.over) its.push_back(id);
  }
  return its;
}

Result<Json> InstancePauses::resume(const OperationId& operation,
                                    const std::vector<InstanceId>& instances) {
  TRY(unpause_all(owned(operation, instances)));
  const auto now = steady_clock::now();
  std::optional<InstanceId> late;
  auto since = now;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !acting_; });
    for (const InstanceId& id : instances) {
      const auto found = paused_.find(id);
      if (found == paused_.end() || found->second.operation != operation) {
        late = id;
        continue;
      }
      if (found->second.late || found->second.until < now) late = id;
      since = std::min(since, found->second.since);
      paused_.erase(found);
    }
    changed_.notify_all();
  }
  if (late) {
    return fail(Code::precondition,
                std::format("instance {} went on before everything was done: the limit of its "
                            "pause had passed",
                            late->str()),
                "run the command again: a machine or disk that is slow now may be quicker then");
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - since);
  return Json{{"paused_us", static_cast<uint64_t>(took.count())}};
}

Status InstancePauses::release(const OperationId& operation,
                               const std::vector<InstanceId>& instances) {
  TRY(unpause_all(owned(operation, instances)));
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !acting_; });
  for (const InstanceId& id : instances) {
    const auto found = paused_.find(id);
    if (found != paused_.end() && found->second.operation == operation) paused_.erase(found);
  }
  changed_.notify_all();
  return {};
}

// True: nothing is left paused.
bool InstancePauses::resume_everything() {
  const auto found = containers_.list();
  if (!found) return false;
  std::vector<InstanceId> running;
  for (const FoundInstance& instance : *found) {
    if (instance.state == InstanceState::running) running.push_back(instance.id);
  }
  return unpause_all(running).has_value();
}

void InstancePauses::watch(const std::stop_token& stop) {
  while (!resume_everything()) {
    if (!clock_.sleep_for(kAgain, stop)) return;
  }
  std::unique_lock lock(mutex_);
  started_ = true;
  changed_.notify_all();
  while (!stop.stop_requested()) {
    std::optional<Time> first;
    for (const auto& [id, paused] : paused_) {
      if (!paused.over && (!first || paused.until < *first)) first = paused.until;
    }
    const auto earlier = [&] {
      return std::ranges::any_of(paused_, [&](const Entry& one) {
        return !one.second.over && (!first || one.second.until < *first);
      });
    };
    if (!first) {
      changed_.wait(lock, stop, earlier);
    } else if (const auto now = steady_clock::now(); *first > now) {
      (void)changed_.wait_until(lock, stop, *first, earlier);
    } else {
      resume_late(lock, now);
    }
  }
}

void InstancePauses::resume_late(std::unique_lock<std::mutex>& lock, Time now) {
  std::vector<InstanceId> due;
  std::set<InstanceId> asked;
  for (auto& [id, paused] : paused_) {
    if (paused.over || paused.until > now) continue;
    paused.late = true;
    due.push_back(id);
    if (paused.asked) asked.insert(id);
  }
  acting_ = true;
  lock.unlock();
  const Status resumed = unpause_all(due);
  lock.lock();
  acting_ = false;
  for (const InstanceId& id : due) {
    const auto found = paused_.find(id);
    if (found == paused_.end()) continue;
    // The engine does not answer, or this may have come before the pause itself (seed 2151): again.
    found->second.over = resumed.has_value() && !asked.contains(id);
    found->second.until = steady_clock::now() + kAgain;
  }
  changed_.notify_all();
}

}  // namespace ployz

#include "agent/readiness_waiter.h"

#include <algorithm>
#include <format>

namespace ployz {
namespace {

constexpr size_t kLogTailLines = 20;
constexpr size_t kLogTailBytes = 4 << 10;  // it travels in an error, through the journal

std::string log_tail(Containers& containers, const InstanceId& instance) {
  std::string tail;
  // Best effort: the failure is worth reporting without its log too.
  (void)containers.logs(
      instance, kLogTailLines, false,
      [&](std::string_view chunk) {
        tail += chunk;
        return true;
      },
      {});
  if (tail.size() > kLogTailBytes) tail.erase(0, tail.size() - kLogTailBytes);
  return tail;
}

bool has_ended(const FoundInstance& found) { return found.state == InstanceState::exited; }

}  // namespace

// One running wait. `wake` is requested once, when the wait has to end early.
struct ReadinessWaiter::Wait {
  std::stop_source wake;
  std::optional<FoundInstance> ended;  // as it was when it exited or had restarted
  uint64_t started_at_ms = 0;          // 0: not yet known
  bool canceled = false;
};

class ReadinessWaiter::Registration {
 public:
  Registration(ReadinessWaiter& waiter, const InstanceId& instance) : waiter_(waiter) {
    const std::lock_guard lock(waiter_.mutex_);
    position_ = waiter_.waits_.emplace(instance, std::make_shared<Wait>());
  }
  ~Registration() {
    const std::lock_guard lock(waiter_.mutex_);
    waiter_.waits_.erase(position_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  [[nodiscard]] Wait& wait() { return *position_->second; }

 private:
  ReadinessWaiter& waiter_;
  std::multimap<InstanceId, std::shared_ptr<Wait>>::iterator position_;
};

Result<Json> ReadinessWaiter::wait(const AwaitReady& action, std::stop_token stop) {
  TRY(ensure_watching());
  // Registered before the first look, so that an exit in between is not missed.
  Registration registration(*this, action.instance);
  Wait& wait = registration.wait();
  const std::stop_callback on_stop(stop, [&] {
    {
      const std::lock_guard lock(mutex_);
      wait.canceled = true;
    }
    wait.wake.request_stop();
  });
  const auto found = TRY(containers_.find(action.instance));
  if (!found) {
    return not_ready(action, std::format("instance {} is gone", action.instance.str()));
  }
  on_change(*found);
  return action.readiness.kind == Readiness::Kind::none ? wait_running(action, wait)
                                                        : wait_probed(action, wait);
}

void ReadinessWaiter::cancel(const InstanceId& instance) {
  std::vector<std::shared_ptr<Wait>> ending;
  {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = waits_.equal_range(instance);
    for (auto it = first; it != last; ++it) {
      it->second->canceled = true;
      ending.push_back(it->second);
    }
  }
  for (const auto& wait : ending) wait->wake.request_stop();
}

void ReadinessWaiter::cancel_all() {
  std::vector<InstanceId> instances;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [instance, wait] : waits_) instances.push_back(instance);
  }
  for (const InstanceId& instance : instances) cancel(instance);
}

Status ReadinessWaiter::ensure_watching() {
  const std::lock_guard lock(watch_mutex_);
  if (!watch_) {
    watch_ = TRY(containers_.watch([this](const FoundInstance& found) { on_change(found); }));
  }
  return {};
}

void ReadinessWaiter::on_change(const FoundInstance& found) {
  std::vector<std::shared_ptr<Wait>> ending;
  {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = waits_.equal_range(found.id);
    for (auto it = first; it != last; ++it) {
      Wait& wait = *it->second;
      // A restart policy may bring it back before the exit is seen: another start time tells.
      const bool restarted = wait.started_at_ms != 0 && found.started_at_ms > wait.started_at_ms;
      if (found.state == InstanceState::running && wait.started_at_ms == 0) {
        wait.started_at_ms = found.started_at_ms;
      }
      if ((!has_ended(found) && !restarted) || wait.ended) continue;
      wait.ended = found;
      ending.push_back(it->second);
    }
  }
  for (const auto& wait : ending) wait->wake.request_stop();
}

Result<Json> ReadinessWaiter::wait_running(const AwaitReady& action, Wait& wait) {
  const uint64_t began_ms = clock_.steady_ms();
  if (!clock_.sleep_for(action.readiness.interval, wait.wake.get_token())) {
    return ended(action, wait);
  }
  const auto found = TRY(containers_.find(action.instance));
  if (!found || found->state != InstanceState::running) {
    if (found) on_change(*found);
    return ended(action, wait);
  }
  return Json{{"ready_ms", clock_.steady_ms() - began_ms}, {"attempts", 1}};
}

Result<Json> ReadinessWaiter::wait_probed(const AwaitReady& action, Wait& wait) {
  using std::chrono::milliseconds;
  const Readiness& readiness = action.readiness;
  const uint64_t began_ms = clock_.steady_ms();
  const auto period_ms = static_cast<uint64_t>(readiness.start_period.count());
  std::string last = "no attempt was made";
  for (uint64_t attempts = 1;; ++attempts) {
    if (wait.wake.stop_requested()) return ended(action, wait);
    const uint64_t left_ms = period_ms - std::min(period_ms, clock_.steady_ms() - began_ms);
    // The last attempt may begin at the very end of the period, but must have a chance to answer.
    const auto timeout = std::min(readiness.timeout,
                                  std::max(milliseconds(left_ms), milliseconds(100)));
    const Status ready = attempt(action, timeout);
    if (wait.wake.stop_requested()) return ended(action, wait);
    const uint64_t took_ms = clock_.steady_ms() - began_ms;
    if (ready) return Json{{"ready_ms", took_ms}, {"attempts", attempts}};
    last = ready.error().message;
    if (took_ms >= period_ms) break;
    const auto pause = std::min(readiness.interval, milliseconds(period_ms - took_ms));
    if (!clock_.sleep_for(pause, wait.wake.get_token())) return ended(action, wait);
  }
  return not_ready(action, std::format("instance {} was not ready within {} ms; last answer: {}",
                                       action.instance.str(), period_ms, last));
}

Status ReadinessWaiter::attempt(const AwaitReady& action, std::chrono::milliseconds timeout) {
  const Readiness& readiness = action.readiness;
  switch (readiness.kind) {
    case Readiness::Kind::none:
      return {};
    case Readiness::Kind::http:
      return prober_.http(action.address, action.port, readiness.path, timeout);
    case Readiness::Kind::tcp:
      return prober_.tcp(action.address, action.port, timeout);
    case Readiness::Kind::exec: {
      const ExecResult result = TRY(containers_.exec(action.instance, readiness.command, timeout));
      if (result.exit_code == 0) return {};
      return fail(Code::unavailable, std::format("the readiness command exited with {}: {}",
                                                 result.exit_code, result.output.substr(0, 200)));
    }
  }
  return fail(Code::invalid, "unknown readiness kind");
}

std::unexpected<Error> ReadinessWaiter::ended(const AwaitReady& action, Wait& wait) {
  std::optional<FoundInstance> found;
  bool canceled = false;
  {
    const std::lock_guard lock(mutex_);
    found = wait.ended;
    canceled = wait.canceled;
  }
  const std::string& id = action.instance.str();
  if (canceled) return fail(Code::canceled, std::format("waiting for instance {} was ended", id));
  if (!found) return not_ready(action, std::format("instance {} does not run", id));
  if (has_ended(*found)) {
    return not_ready(action, std::format("instance {} exited with code {} before it was ready", id,
                                         found->exit_code));
  }
  return not_ready(action, std::format("instance {} restarted before it was ready", id));
}

std::unexpected<Error> ReadinessWaiter::not_ready(const AwaitReady& action, std::string message) {
  Error error{Code::precondition, Effect::none, std::move(message), "", {}};
  std::string tail = log_tail(containers_, action.instance);
  if (!tail.empty()) error = std::move(error).with("log", std::move(tail));
  return fail(std::move(error));
}

}  // namespace ployz

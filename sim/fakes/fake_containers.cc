#include "sim/fakes/fake_containers.h"

#include <algorithm>
#include <format>
#include <ranges>

namespace ployz::sim {
namespace {

constexpr std::chrono::milliseconds kRestartDelay(100);  // as dockerd's first
// Work on volumes: often in the beginning, while a deploy is under way, then more seldom, and not for
// ever.
constexpr std::chrono::milliseconds kFirstWork(40);
constexpr std::chrono::milliseconds kSlowestWork(4000);
constexpr uint64_t kMostWork = 200;

std::unexpected<Error> failed(Fate fate) {
  if (fate == Fate::refused) {
    return fail(Code::unavailable, "the container engine does not answer");
  }
  return fail(Code::timeout, "the container engine did not answer in time", "", Effect::unknown);
}

std::unexpected<Error> absent(const InstanceId& instance) {
  return fail(Code::not_found, std::format("no container of instance {}", instance.str()));
}

uint64_t steady_ms() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

bool restarts(RestartPolicy policy, int exit_code) {
  switch (policy) {
    case RestartPolicy::no: return false;
    case RestartPolicy::on_failure: return exit_code != 0;
    case RestartPolicy::always:
    case RestartPolicy::unless_stopped: return true;
  }
  return false;
}

}  // namespace

// Created and started are two calls of the engine: a crash may come between.
Status FakeContainers::ensure_running(const InstanceConfig& config) {
  const InstanceId& id = config.run.instance;
  const Fate created = hook_.enter("containers.create", id.str(), Kind::local);
  if (created == Fate::refused || created == Fate::never) return failed(created);
  TRY(create(config));
  const Fate started = hook_.enter("containers.start", id.str(), Kind::local);
  if (started == Fate::refused || started == Fate::never) return failed(Fate::never);
  {
    const std::lock_guard lock(mutex_);
    const auto it = containers_.find(id);
    if (it == containers_.end()) return absent(id);
    start_locked(it->second);
  }
  if (created != Fate::normal || started != Fate::normal) return failed(Fate::reply_lost);
  hook_.leave("containers.start", "running");
  return {};
}

Status FakeContainers::create(const InstanceConfig& config) {
  const RunInstance& run = config.run;
  const std::string& image = run.spec.image_id.empty() ? run.spec.image : run.spec.image_id;
  const std::optional<Behaviour> behaviour = images_.behaviour(image);
  const std::lock_guard lock(mutex_);
  if (const auto it = containers_.find(run.instance); it != containers_.end()) {
    if (it->second.found.revision == run.revision) return {};
    return fail(Code::exists, std::format("instance {} exists with another revision",
                                          run.instance.str()));
  }
  if (!behaviour) return fail(Code::not_found, std::format("image {} is not here", image));
  for (const auto& [id, other] : containers_) {
    if (!run.address.empty() && other.found.address == run.address) {
      return fail(Code::conflict, std::format("address {} is taken by {}", run.address, id.str()));
    }
  }
  Container& container = containers_[run.instance];
  container.config = config;
  container.behaviour = *behaviour;
  container.found = {run.instance,     run.name_space, run.service,            run.revision,
                     config.operation, run.address,    InstanceState::created, 0,
                     0,                run.datasets};
  tell(container);
  return {};
}

void FakeContainers::start_locked(Container& container) {
  container.wanted = true;
  container.paused = false;  // as the real one: starting the paused resumes it
  if (container.found.state == InstanceState::running) return;
  const uint64_t now_ms = steady_ms();
  container.found.state = InstanceState::running;
  // Later than the last start even within one millisecond.
  container.found.started_at_ms = std::max(now_ms, container.found.started_at_ms + 1);
  container.found.exit_code = 0;
  container.ready_at_ms = now_ms + container.behaviour.ready_after_ms;
  container.log += "started\n";
  const uint64_t start = ++container.starts;
  tell(container);
  work_locked(container, start);
  if (container.behaviour.exits_after_ms) {
    hook_.later(std::chrono::milliseconds(*container.behaviour.exits_after_ms),
                [this, id = container.found.id, start] { own_exit(id, start); });
  }
}

void FakeContainers::work_locked(Container& container, uint64_t start) {
  if (!work_ || container.config.run.datasets.empty() || container.worked >= kMostWork) return;
  if (!container.paused) work_(container.config, ++container.worked);
  const int doublings = static_cast<int>(std::min<uint64_t>(container.worked, 10));
  hook_.later(std::min(kSlowestWork, kFirstWork * (1 << doublings)), [this, id = container.found.id, start] {
    const std::lock_guard lock(mutex_);
    const auto it = containers_.find(id);
    if (it == containers_.end() || it->second.starts != start) return;
    if (it->second.found.state == InstanceState::running) work_locked(it->second, start);
  });
}

void FakeContainers::own_exit(const InstanceId& instance, uint64_t start) {
  const std::lock_guard lock(mutex_);
  const auto it = containers_.find(instance);
  if (it == containers_.end()) return;
  Container& container = it->second;
  if (container.starts != start || container.found.state != InstanceState::running) return;
  exit_locked(container, container.behaviour.exit_code);
  if (!restarts(container.config.run.spec.restart, container.behaviour.exit_code)) return;
  hook_.later(kRestartDelay, [this, instance, start] {
    const std::lock_guard relock(mutex_);
    const auto again = containers_.find(instance);
    if (again == containers_.end() || !again->second.wanted) return;
    if (again->second.starts == start) start_locked(again->second);
  });
}

void FakeContainers::exit_locked(Container& container, int exit_code) {
  container.found.state = InstanceState::exited;
  container.paused = false;
  container.found.exit_code = exit_code;
  container.log += std::format("exited with {}\n", exit_code);
  tell(container);
  log_changed_.notify_all();
}

Status FakeContainers::start(const InstanceId& instance) {
  const Fate fate = hook_.enter("containers.start", instance.str(), Kind::local);
  if (fate == Fate::refused || fate == Fate::never) return failed(fate);
  {
    const std::lock_guard lock(mutex_);
    const auto it = containers_.find(instance);
    if (it == containers_.end()) return absent(instance);
    start_locked(it->second);
  }
  if (fate != Fate::normal) return failed(fate);
  hook_.leave("containers.start", "running");
  return {};
}

Status FakeContainers::freeze(std::string_view call, const InstanceId& instance, bool paused) {
  const Fate fate = hook_.enter(call, instance.str(), Kind::local);
  if (fate == Fate::refused || fate == Fate::never) return failed(fate);
  {
    const std::lock_guard lock(mutex_);
    const auto it = containers_.find(instance);
    if (it == containers_.end()) return absent(instance);
    if (it->second.found.state == InstanceState::running) {
      it->second.paused = paused;
    } else if (paused) {
      return fail(Code::precondition, std::format("instance {} does not run", instance.str()));
    }
  }
  if (fate != Fate::normal) return failed(fate);
  hook_.leave(call, "done");
  return {};
}

Status FakeContainers::pause(const InstanceId& instance) {
  return freeze("containers.pause", instance, true);
}

Status FakeContainers::unpause(const InstanceId& instance) {
  return freeze("containers.unpause", instance, false);
}

Status FakeContainers::stop(const InstanceId& instance, std::chrono::milliseconds grace) {
  return end("containers.stop", instance, grace, false);
}

Status FakeContainers::remove(const InstanceId& instance, std::chrono::milliseconds grace) {
  return end("containers.remove", instance, grace, true);
}

Status FakeContainers::end(std::string_view call, const InstanceId& instance,
                           std::chrono::milliseconds grace, bool removing) {
  const Fate fate = hook_.enter(call, instance.str(), Kind::local);
  if (fate == Fate::refused || fate == Fate::never) return failed(fate);
  bool waits = false;
  std::function<void(const FoundInstance&)> on_stopping;
  std::optional<FoundInstance> stopping;
  {
    const std::lock_guard lock(mutex_);
    const auto it = containers_.find(instance);
    if (it == containers_.end()) return {};
    it->second.wanted = false;
    if (it->second.found.state == InstanceState::running) {
      waits = it->second.behaviour.ignores_sigterm;
      stopping = it->second.found;
      on_stopping = on_stopping_;
    }
  }
  if (stopping && on_stopping) on_stopping(*stopping);
  if (waits) std::this_thread::sleep_for(grace);
  {
    const std::lock_guard lock(mutex_);
    const auto it = containers_.find(instance);
    if (it == containers_.end()) return {};
    if (it->second.found.state == InstanceState::running) {
      exit_locked(it->second, waits ? 137 : 143);
    }
    if (removing) containers_.erase(it);
  }
  if (fate != Fate::normal) return failed(fate);
  hook_.leave(call, "ended");
  return {};
}

Result<std::optional<FoundInstance>> FakeContainers::find(const InstanceId& instance) {
  const Fate fate = hook_.enter("containers.find", instance.str(), Kind::local);
  if (fate != Fate::normal) return failed(Fate::refused);
  const std::lock_guard lock(mutex_);
  const auto it = containers_.find(instance);
  if (it == containers_.end()) return std::nullopt;
  return it->second.found;
}

Result<std::vector<FoundInstance>> FakeContainers::list() {
  const Fate fate = hook_.enter("containers.list", "", Kind::local);
  if (fate != Fate::normal) return failed(Fate::refused);
  return all();
}

std::vector<FoundInstance> FakeContainers::all() {
  const std::lock_guard lock(mutex_);
  std::vector<FoundInstance> found;
  for (const auto& [id, container] : containers_) found.push_back(container.found);
  return found;
}

std::vector<InstanceId> FakeContainers::paused() {
  const std::lock_guard lock(mutex_);
  std::vector<InstanceId> found;
  for (const auto& [id, container] : containers_) {
    if (container.paused) found.push_back(id);
  }
  return found;
}

bool FakeContainers::mounts(const DatasetId& dataset) {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(containers_, [&](const auto& one) {
    const Container& container = one.second;
    return container.found.state == InstanceState::running &&
           std::ranges::contains(container.config.run.datasets | std::views::values, dataset);
  });
}

bool FakeContainers::serves(std::string_view address) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, container] : containers_) {
    if (container.found.address != address) continue;
    return container.found.state == InstanceState::running && !container.paused &&
           !container.behaviour.never_ready && steady_ms() >= container.ready_at_ms;
  }
  return false;
}

// Any command succeeds exactly when the instance serves.
Result<ExecResult> FakeContainers::exec(const InstanceId& instance,
                                        const std::vector<std::string>&,
                                        std::chrono::milliseconds) {
  const Fate fate = hook_.enter("containers.exec", instance.str(), Kind::local);
  if (fate != Fate::normal) return failed(Fate::refused);
  const std::lock_guard lock(mutex_);
  const auto it = containers_.find(instance);
  if (it == containers_.end()) return absent(instance);
  const Container& container = it->second;
  if (container.found.state != InstanceState::running) {
    return fail(Code::precondition, std::format("instance {} does not run", instance.str()));
  }
  const bool ready = !container.behaviour.never_ready && steady_ms() >= container.ready_at_ms;
  return ExecResult{ready ? 0 : 1, ready ? "ready\n" : "not yet\n"};
}

Status FakeContainers::logs(const InstanceId& instance, size_t lines, bool follow,
                            const std::function<bool(std::string_view)>& sink,
                            std::stop_token stop) {
  const Fate fate = hook_.enter("containers.logs", instance.str(), Kind::local);
  if (fate != Fate::normal) return failed(Fate::refused);
  const std::stop_callback on_stop(stop, [this] {
    const std::lock_guard lock(mutex_);
    log_changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  size_t seen = std::string::npos;
  while (!stop.stop_requested()) {
    const auto it = containers_.find(instance);
    if (it == containers_.end()) return seen == std::string::npos ? Status(absent(instance)) : Status{};
    const std::string& log = it->second.log;
    if (seen == std::string::npos) {
      seen = log.size();
      for (size_t found = 0; seen > 0; --seen) {
        if (log[seen - 1] == '\n' && seen != log.size() && ++found == lines) break;
      }
    }
    if (log.size() > seen) {
      const std::string chunk = log.substr(seen);
      seen = log.size();
      const bool ended = it->second.found.state != InstanceState::running;
      lock.unlock();
      if (!sink(chunk)) return {};
      if (ended) return {};
      lock.lock();
      continue;
    }
    if (!follow || it->second.found.state != InstanceState::running) return {};
    log_changed_.wait(lock);
  }
  return {};
}

Result<std::unique_ptr<Subscription>> FakeContainers::watch(
    std::function<void(FoundInstance)> on_change) {
  const Fate fate = hook_.enter("containers.watch", "", Kind::local);
  if (fate != Fate::normal) return failed(Fate::refused);
  auto queue = std::make_shared<Queue<FoundInstance>>();
  {
    const std::lock_guard lock(mutex_);
    watchers_.push_back(queue);
  }
  return std::make_unique<Delivery<FoundInstance>>(hook_, "containers.watch", queue,
                                                   std::move(on_change));
}

void FakeContainers::on_stopping(std::function<void(const FoundInstance&)> callback) {
  const std::lock_guard lock(mutex_);
  on_stopping_ = std::move(callback);
}

void FakeContainers::tell(const Container& container) {
  for (const auto& watcher : watchers_) watcher->push(container.found);
}

}  // namespace ployz::sim

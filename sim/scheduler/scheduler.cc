#include "sim/scheduler/scheduler.h"

#include <algorithm>
#include <format>

#include "base/check.h"

namespace ployz::sim {
namespace {

Scheduler* g_current = nullptr;  // what the interposed thread functions talk to
constexpr ThreadId kFirstThread = 2;

}  // namespace

Scheduler::Scheduler(uint64_t seed) : random_(seed) { processes_.push_back({"world", true, false, {}}); }
Scheduler::~Scheduler() = default;
Scheduler* Scheduler::current() { return g_current; }

Scheduler::End Scheduler::run(std::function<void()> main) {
  check(g_current == nullptr, "one simulation at a time");
  g_current = this;
  const ThreadId main_thread = spawn_in(kWorld, std::move(main));
  Thread& main_of = *threads_[main_thread - kFirstThread];
  End end = End::done;
  while (!main_of.ended) {
    if (switches_ > kMaxSwitches || now_ns_ > kMaxVirtualNs) {
      end = End::too_long;
      break;
    }
    if (!step()) {
      end = End::deadlock;
      break;
    }
  }
  g_current = nullptr;
  return end;
}

bool Scheduler::step() {
  while (ready_.empty()) {
    if (!fire_next_timer()) return false;
  }
  const size_t pick = random_.below(ready_.size());
  Thread* next = ready_[pick];
  ready_[pick] = ready_.back();
  ready_.pop_back();
  Process& process = processes_[next->process];
  if (!process.alive) return true;
  if (process.paused) {
    process.held.push_back(next);
    return true;
  }
  ++switches_;
  current_ = next;
  next->fiber->switch_from(own_);
  current_ = nullptr;
  if (next->ended) {
    next->fiber.reset();
    (void)unpark(next, SIZE_MAX);
  }
  return true;
}

bool Scheduler::fire_next_timer() {
  if (timers_.empty()) return false;
  const Timer timer = timers_.top();
  timers_.pop();
  if (timer.thread && timer.thread->wait != timer.wait) return true;  // woken before
  now_ns_ = std::max(now_ns_, timer.at_ns);
  if (timer.callback) {
    (*timer.callback)();
  } else {
    remove_parked(timer.thread);
    timer.thread->timed_out = true;
    make_ready(timer.thread);
  }
  return true;
}

void Scheduler::make_ready(Thread* thread) {
  ++thread->wait;
  thread->parked_on = nullptr;
  ready_.push_back(thread);
}

void Scheduler::remove_parked(Thread* thread) {
  if (!thread->parked_on) return;
  const auto it = parked_.find(thread->parked_on);
  std::erase(it->second, thread);
  if (it->second.empty()) parked_.erase(it);
  thread->parked_on = nullptr;
}

void Scheduler::switch_away() { own_.switch_from(*current_->fiber); }

ProcessId Scheduler::new_process(std::string name) {
  processes_.push_back({std::move(name), true, false, {}});
  return static_cast<ProcessId>(processes_.size() - 1);
}

void Scheduler::kill(ProcessId process) {
  check(process != kWorld, "the world does not die");
  processes_[process].alive = false;
  processes_[process].held.clear();
  for (const auto& thread : threads_) {
    if (thread->process != process || thread->ended) continue;
    remove_parked(thread.get());
    ++thread->wait;
  }
  std::erase_if(ready_, [&](const Thread* thread) { return thread->process == process; });
  if (current_ && current_->process == process) switch_away();
}

void Scheduler::pause_process(ProcessId process) {
  processes_[process].paused = true;
  if (current_ && current_->process == process) yield();
}

void Scheduler::resume_process(ProcessId process) {
  Process& resumed = processes_[process];
  resumed.paused = false;
  ready_.insert(ready_.end(), resumed.held.begin(), resumed.held.end());
  resumed.held.clear();
}

ThreadId Scheduler::spawn(std::function<void()> body) {
  return spawn_in(as_process_.value_or(process()), std::move(body));
}

ThreadId Scheduler::spawn_in(ProcessId process, std::function<void()> body) {
  auto thread = std::make_unique<Thread>();
  Thread* self = thread.get();
  self->id = threads_.size() + kFirstThread;
  self->process = process;
  self->fiber = std::make_unique<Fiber>([this, self, body = std::move(body)] {
    body();
    self->ended = true;
    switch_away();
  });
  threads_.push_back(std::move(thread));
  if (processes_[process].alive) ready_.push_back(self);
  return self->id;
}

void Scheduler::as_process(ProcessId process, const std::function<void()>& body) {
  const std::optional<ProcessId> before = std::exchange(as_process_, process);
  body();
  as_process_ = before;
}

void Scheduler::join(ThreadId thread) {
  Thread* other = threads_[thread - kFirstThread].get();
  while (!other->ended) (void)park(other, std::nullopt, "for a thread's end");
}

void Scheduler::yield() {
  if (!current_) return;
  make_ready(current_);
  switch_away();
}

void Scheduler::sleep_ns(uint64_t duration_ns) { (void)park(current_, now_ns_ + duration_ns, "asleep"); }

bool Scheduler::park(const void* address, std::optional<uint64_t> deadline_ns,
                     const char* why) {
  check(current_ != nullptr, "only a simulated thread can wait");
  Thread* self = current_;
  self->timed_out = false;
  self->parked_on = address;
  self->why = why;
  parked_[address].push_back(self);
  if (deadline_ns) timers_.push({*deadline_ns, timer_order_++, self, self->wait, nullptr});
  switch_away();
  return !self->timed_out;
}

size_t Scheduler::unpark(const void* address, size_t count) {
  const auto it = parked_.find(address);
  if (it == parked_.end()) return 0;
  std::vector<Thread*>& waiting = it->second;
  size_t woken = 0;
  while (woken < count && !waiting.empty()) {
    const size_t pick = count >= waiting.size() + woken ? 0 : random_.below(waiting.size());
    Thread* thread = waiting[pick];
    waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(pick));
    make_ready(thread);
    ++woken;
  }
  if (waiting.empty()) parked_.erase(it);
  return woken;
}

void Scheduler::after_ns(uint64_t delay_ns, std::function<void()> callback) {
  timers_.push({now_ns_ + delay_ns, timer_order_++, nullptr, 0,
                std::make_shared<std::function<void()>>(std::move(callback))});
}

std::string Scheduler::describe_waiting() const {
  std::string text;
  for (const auto& thread : threads_) {
    const Process& process = processes_[thread->process];
    if (thread->ended || !process.alive) continue;
    text += std::format("  thread {} of {}{}: {}\n", thread->id, process.name,
                        process.paused ? " (paused)" : "",
                        thread->parked_on ? thread->why : "ready");
  }
  return text;
}

}  // namespace ployz::sim

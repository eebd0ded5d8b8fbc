// A deterministic world of threads: the seed decides who runs next, time passes only when everybody
// waits. Production code and fakes use std::thread, std::mutex, std::condition_variable and the
// clocks as always; threads_main.cc turns those into calls of this class.
//
// A Process is a group of threads that crashes together: they are abandoned where they stand, like
// after kill -9; no destructor runs. Use from one operating-system thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/scheduler/fiber.h"
#include "sim/scheduler/random.h"

namespace ployz::sim {

using ProcessId = uint32_t;
inline constexpr ProcessId kWorld = 0;  // the world itself; never dies
using ThreadId = uint64_t;              // 0: none; 1: the program's own thread outside of run()

// Runs longer than these are stuck: a seed's whole workload takes minutes of virtual time and some
// ten thousand switches.
inline constexpr uint64_t kMaxVirtualNs = 24ull * 3600 * 1'000'000'000;
inline constexpr uint64_t kMaxSwitches = 5'000'000;

class Scheduler {
 public:
  explicit Scheduler(uint64_t seed);
  ~Scheduler();
  // The one whose run() is on; nullptr otherwise.
  [[nodiscard]] static Scheduler* current();

  enum class End { done, deadlock, too_long };
  // Runs `main` as a thread of the world until it returns. Everything else is abandoned then.
  [[nodiscard]] End run(std::function<void()> main);

  [[nodiscard]] ProcessId new_process(std::string name);
  [[nodiscard]] bool alive(ProcessId process) const { return processes_[process].alive; }
  [[nodiscard]] const std::string& name_of(ProcessId process) const {
    return processes_[process].name;
  }
  // Does not return when the calling thread belongs to it.
  void kill(ProcessId process);
  // Its threads do not run until resume_process; their deadlines pass meanwhile.
  void pause_process(ProcessId process);
  void resume_process(ProcessId process);

  // In the process of the caller, or in `process`.
  ThreadId spawn(std::function<void()> body);
  ThreadId spawn_in(ProcessId process, std::function<void()> body);
  // Threads created while `body` runs belong to `process`.
  void as_process(ProcessId process, const std::function<void()>& body);
  [[nodiscard]] ThreadId thread() const { return current_ ? current_->id : 1; }
  [[nodiscard]] ProcessId process() const { return current_ ? current_->process : kWorld; }
  // How many locks the calling thread holds: it must not be made to wait, and so perhaps crash,
  // with a lock of the world in its hands.
  [[nodiscard]] int& locks_held() { return current_ ? current_->locks_held : locks_held_outside_; }
  // Returns when the thread has ended.
  void join(ThreadId thread);

  [[nodiscard]] uint64_t now_ns() const { return now_ns_; }
  void yield();
  void sleep_ns(uint64_t duration_ns);
  // Waits until unpark(address); false when `deadline_ns` came first. Spurious wake-ups: none.
  // `why` is for describe_waiting(): a literal.
  bool park(const void* address, std::optional<uint64_t> deadline_ns, const char* why);
  // Wakes up to `count` threads parked there, chosen by chance; returns how many.
  size_t unpark(const void* address, size_t count);
  // Calls back after a delay, outside of any thread: must not wait.
  void after_ns(uint64_t delay_ns, std::function<void()> callback);

  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] uint64_t switches() const { return switches_; }
  // For the report of a deadlock: one line per thread that waits.
  [[nodiscard]] std::string describe_waiting() const;

 private:
  struct Thread {
    ThreadId id = 0;
    ProcessId process = kWorld;
    std::unique_ptr<Fiber> fiber;
    const void* parked_on = nullptr;
    const char* why = "";
    uint64_t wait = 0;  // counts waits, so that an old timer does not end a newer one
    bool timed_out = false;
    int locks_held = 0;
    bool ended = false;
  };
  struct Process {
    std::string name;
    bool alive = true;
    bool paused = false;
    std::vector<Thread*> held;  // would be ready, were it not paused
  };
  struct Timer {
    uint64_t at_ns;
    uint64_t order;
    Thread* thread;  // or a callback
    uint64_t wait;
    std::shared_ptr<std::function<void()>> callback;
    bool operator<(const Timer& other) const {
      return std::pair(other.at_ns, other.order) < std::pair(at_ns, order);
    }
  };

  void make_ready(Thread* thread);
  void remove_parked(Thread* thread);
  void switch_away();
  bool step();
  bool fire_next_timer();

  Random random_;
  uint64_t now_ns_ = 0;
  uint64_t switches_ = 0;
  uint64_t timer_order_ = 0;
  std::vector<Process> processes_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::vector<Thread*> ready_;
  std::priority_queue<Timer> timers_;
  std::unordered_map<const void*, std::vector<Thread*>> parked_;
  Fiber own_;
  Thread* current_ = nullptr;
  int locks_held_outside_ = 0;
  std::optional<ProcessId> as_process_;
};

}  // namespace ployz::sim

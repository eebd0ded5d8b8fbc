#include "drivers/os/thread_executor.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace ployz {
namespace {

// What the workers of one run_all share.
struct Batch {
  std::vector<std::function<void()>> tasks;
  std::mutex mutex;
  std::condition_variable all_done;
  size_t next = 0;
  size_t finished = 0;

  // Runs tasks until none is left.
  void work() {
    std::unique_lock lock(mutex);
    while (next < tasks.size()) {
      const size_t mine = next++;
      lock.unlock();
      tasks[mine]();
      lock.lock();
      if (++finished == tasks.size()) all_done.notify_all();
    }
  }
};

}  // namespace

void ThreadExecutor::run_all(std::vector<std::function<void()>> tasks,
                             std::chrono::milliseconds tick,
                             const std::function<void()>& on_tick) {
  Batch batch;
  batch.tasks = std::move(tasks);
  const size_t wanted = std::min(batch.tasks.size(), max_threads_);
  std::vector<std::jthread> threads;
  threads.reserve(wanted);
  try {
    while (threads.size() < wanted) threads.emplace_back([&] { batch.work(); });
  } catch (const std::system_error&) {
    // Out of threads: the ones there are do it, or else this one.
    if (threads.empty()) batch.work();
  }
  std::unique_lock lock(batch.mutex);
  const auto done = [&] { return batch.finished == batch.tasks.size(); };
  while (!batch.all_done.wait_for(lock, tick, done)) {
    lock.unlock();
    if (on_tick) on_tick();
    lock.lock();
  }
}

}  // namespace ployz

#include "base/worker_pool.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace ployz {
namespace {
constexpr std::chrono::seconds kIdle{10};
}

struct WorkerPool::State {
  const size_t limit;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> handed;  // at most one for each idle thread
  size_t threads = 0;
  size_t idle = 0;
  bool ending = false;

  explicit State(size_t limit) : limit(limit) {}

  void work_on() {
    std::unique_lock lock(mutex);
    while (true) {
      ++idle;
      changed.wait_for(lock, kIdle, [this] { return ending || !handed.empty(); });
      --idle;
      if (handed.empty()) break;
      auto work = std::move(handed.front());
      handed.pop_front();
      lock.unlock();
      work();
      work = nullptr;  // what it holds is released before the pool may end
      lock.lock();
    }
    --threads;
    changed.notify_all();
  }
};

WorkerPool::WorkerPool(size_t limit) : state_(std::make_shared<State>(limit)) {}

WorkerPool::~WorkerPool() {
  std::unique_lock lock(state_->mutex);
  state_->ending = true;
  state_->changed.notify_all();
  state_->changed.wait(lock, [this] { return state_->threads == 0; });
}

bool WorkerPool::try_run(std::function<void()> work) {
  const std::lock_guard lock(state_->mutex);
  if (state_->ending) return false;
  const bool needs_thread = state_->idle <= state_->handed.size();
  if (needs_thread && state_->threads == state_->limit) return false;
  state_->handed.push_back(std::move(work));
  if (needs_thread) {
    ++state_->threads;
    std::thread([state = state_] { state->work_on(); }).detach();
  }
  state_->changed.notify_all();
  return true;
}

}  // namespace ployz

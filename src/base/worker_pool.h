// Threads for handlers that may run for minutes. Work is never queued behind other work: it starts
// at once or is refused. Threads are made when needed and end when idle.
#pragma once

#include <functional>
#include <memory>

namespace ployz {

class WorkerPool {
 public:
  explicit WorkerPool(size_t limit);
  // Waits for the work that runs.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False: `limit` pieces of work are running. `work` does not throw.
  [[nodiscard]] bool try_run(std::function<void()> work);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the threads
};

}  // namespace ployz

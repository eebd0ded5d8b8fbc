#include "sim/fakes/no_hook.h"

namespace ployz::sim {

NoHook::~NoHook() {
  std::vector<std::jthread> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
}

void NoHook::later(std::chrono::milliseconds delay, std::function<void()> effect) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace_back([delay, effect = std::move(effect)](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock waiting(mutex);
    if (!wake.wait_for(waiting, stop, delay, [] { return false; }) && !stop.stop_requested()) {
      effect();
    }
  });
}

}  // namespace ployz::sim

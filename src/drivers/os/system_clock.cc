#include "drivers/os/system_clock.h"

#include <sys/random.h>

#include <condition_variable>
#include <mutex>

#include "base/check.h"

namespace ployz {
namespace {

template <class C>
uint64_t ms_of() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(C::now().time_since_epoch()).count());
}

}  // namespace

uint64_t SystemClock::wall_ms() { return ms_of<std::chrono::system_clock>(); }

uint64_t SystemClock::steady_ms() { return ms_of<std::chrono::steady_clock>(); }

bool SystemClock::sleep_for(std::chrono::milliseconds duration, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  (void)wake.wait_for(lock, stop, duration, [] { return false; });
  return !stop.stop_requested();
}

uint64_t SystemEntropy::next_u64() {
  uint64_t value = 0;
  // random(7): up to 256 bytes are never interrupted nor short once the pool is initialised.
  check(getrandom(&value, sizeof value, 0) == sizeof value, "getrandom failed");
  return value;
}

}  // namespace ployz

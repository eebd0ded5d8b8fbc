#include "drivers/os/thread_executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "drivers/os/system_clock.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

TEST(ThreadExecutor, RunsEveryTaskAndNoMoreThanItsBoundAtOnce) {
  ThreadExecutor executor(4);
  std::atomic<int> running = 0, peak = 0, total = 0;
  std::vector<std::function<void()>> tasks(100, [&] {
    const int now = ++running;
    for (int seen = peak; now > seen && !peak.compare_exchange_weak(seen, now);) {
    }
    ++total;
    --running;
  });
  executor.run_all(tasks, milliseconds(1000), {});
  EXPECT_EQ(total, 100);
  EXPECT_LE(peak, 4);
  executor.run_all({}, milliseconds(1000), {});
}

TEST(ThreadExecutor, TicksOnTheCallingThreadWhileATaskRuns) {
  ThreadExecutor executor;
  std::mutex mutex;
  std::condition_variable changed;
  int ticks = 0;
  const auto caller = std::this_thread::get_id();
  executor.run_all({[&] {
                     std::unique_lock lock(mutex);
                     changed.wait(lock, [&] { return ticks >= 3; });
                   }},
                   milliseconds(1), [&] {
                     EXPECT_EQ(std::this_thread::get_id(), caller);
                     const std::lock_guard lock(mutex);
                     ++ticks;
                     changed.notify_all();
                   });
  EXPECT_GE(ticks, 3);
}

TEST(SystemClock, SleepEndsEarlyWhenStopped) {
  SystemClock clock;
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const uint64_t began_ms = clock.steady_ms();
  EXPECT_FALSE(clock.sleep_for(milliseconds(60'000), stop.get_token()));
  EXPECT_LT(clock.steady_ms() - began_ms, 50'000u);
  EXPECT_TRUE(clock.sleep_for(milliseconds(1), {}));
}

TEST(SystemEntropy, DoesNotRepeat) {
  SystemEntropy entropy;
  EXPECT_NE(entropy.next_u64(), entropy.next_u64());
}

}  // namespace
}  // namespace ployz

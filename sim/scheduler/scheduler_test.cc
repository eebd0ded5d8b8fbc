// The scheduler under ordinary C++ threads: this program, too, is linked with threads_main.cc.
#include "sim/scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <thread>

#include "drivers/os/system_clock.h"

namespace ployz::sim {
namespace {

using End = Scheduler::End;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Which of two threads is first, over and over.
std::string order_of(uint64_t seed) {
  std::string order;
  Scheduler scheduler(seed);
  EXPECT_EQ(scheduler.run([&] {
    std::mutex mutex;
    std::vector<std::jthread> threads;
    for (const char name : {'a', 'b'}) {
      threads.emplace_back([&, name] {
        for (int i = 0; i < 20; ++i) {
          {
            const std::lock_guard lock(mutex);
            order += name;
          }
          std::this_thread::yield();
        }
      });
    }
  }),
            End::done);
  return order;
}

TEST(Scheduler, TheSeedDecidesWhoRuns) {
  EXPECT_EQ(order_of(1), order_of(1));
  EXPECT_NE(order_of(1), order_of(2));
  EXPECT_EQ(order_of(3).size(), 40u);
}

TEST(Scheduler, TimePassesOnlyWhenEverybodyWaits) {
  Scheduler scheduler(1);
  const End end = scheduler.run([] {
    const auto began = std::chrono::steady_clock::now();
    std::jthread sleeper([] { std::this_thread::sleep_for(std::chrono::hours(1)); });
    EXPECT_EQ(std::chrono::steady_clock::now(), began);
    sleeper.join();
    EXPECT_EQ(std::chrono::steady_clock::now() - began, std::chrono::hours(1));
  });
  EXPECT_EQ(end, End::done);
}

TEST(Scheduler, ConditionsWakeAndTimeOut) {
  Scheduler scheduler(1);
  const End end = scheduler.run([] {
    std::mutex mutex;
    std::condition_variable changed;
    bool ready = false;
    std::unique_lock lock(mutex);
    EXPECT_FALSE(changed.wait_for(lock, seconds(5), [&] { return ready; }));
    std::jthread waker([&] {
      const std::lock_guard inner(mutex);
      ready = true;
      changed.notify_all();
    });
    EXPECT_TRUE(changed.wait_for(lock, seconds(5), [&] { return ready; }));
  });
  EXPECT_EQ(end, End::done);
}

TEST(Scheduler, SemaphoresSharedLocksAndStopTokensWork) {
  Scheduler scheduler(7);
  const End end = scheduler.run([] {
    std::counting_semaphore<8> semaphore(0);
    std::shared_mutex shared;
    int sum = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          semaphore.acquire();
          const std::unique_lock lock(shared);
          ++sum;
        });
      }
      semaphore.release(4);
      const std::shared_lock lock(shared);
    }
    EXPECT_EQ(sum, 4);
    SystemClock clock;
    std::stop_source stop;
    std::jthread stopper([&] {
      std::this_thread::sleep_for(milliseconds(10));
      stop.request_stop();
    });
    const uint64_t began_ms = clock.steady_ms();
    EXPECT_FALSE(clock.sleep_for(seconds(60), stop.get_token()));
    EXPECT_EQ(clock.steady_ms() - began_ms, 10u);
  });
  EXPECT_EQ(end, End::done);
}

TEST(Scheduler, NoticesADeadlock) {
  Scheduler scheduler(1);
  const End end = scheduler.run([] {
    static std::mutex mutex;  // abandoned
    mutex.lock();
    std::jthread other([] { mutex.lock(); });
    other.join();
  });
  EXPECT_EQ(end, End::deadlock);
  EXPECT_NE(scheduler.describe_waiting().find("for a mutex"), std::string::npos);
}

TEST(Scheduler, AKilledProcessStopsWhereItStandsAndAPausedOneLater) {
  Scheduler scheduler(1);
  int ticks = 0;
  const End end = scheduler.run([&] {
    const ProcessId process = scheduler.new_process("victim");
    scheduler.spawn_in(process, [&] {
      while (true) {
        std::this_thread::sleep_for(seconds(1));
        ++ticks;
      }
    });
    std::this_thread::sleep_for(milliseconds(3500));
    EXPECT_EQ(ticks, 3);
    scheduler.pause_process(process);
    std::this_thread::sleep_for(seconds(10));
    EXPECT_EQ(ticks, 3);
    scheduler.resume_process(process);
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_EQ(ticks, 4);
    scheduler.kill(process);
    std::this_thread::sleep_for(seconds(10));
    EXPECT_EQ(ticks, 4);
    EXPECT_FALSE(scheduler.alive(process));
  });
  EXPECT_EQ(end, End::done);
}

TEST(Scheduler, ExceptionsStayOnTheirThread) {
  Scheduler scheduler(1);
  int caught = 0;
  const End end = scheduler.run([&] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 10; ++i) {
      threads.emplace_back([&, i] {
        try {
          throw i;
        } catch (int value) {
          std::this_thread::yield();  // the others throw and catch meanwhile
          try {
            throw;
          } catch (int again) {
            caught += again == value && value == i ? 1 : 0;
          }
        }
      });
    }
  });
  EXPECT_EQ(end, End::done);
  EXPECT_EQ(caught, 10);
}

}  // namespace
}  // namespace ployz::sim

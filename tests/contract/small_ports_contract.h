// What every implementation of the small ports promises: the router's cache, clocks, executors,
// readiness probes and host facts. Plain functions, called by the tests of each implementation.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ports/clock.h"
#include "ports/echo.h"
#include "ports/host.h"
#include "ports/projection_cache.h"

namespace ployz::contract {

inline void check_projection_cache(ProjectionCache& cache) {
  const auto none = cache.load();
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  std::map<NamespaceName, CommitEntry> newest;
  CommitEntry& entry = newest[NamespaceName("shop")];
  entry.sequence = 7;
  entry.commit.id = CommitId("01arz3ndektsv4rrffq69g5fav");
  entry.commit.name_space = NamespaceName("shop");
  entry.commit.operation = OperationId("01arz3ndektsv4rrffq69g5faw");
  ASSERT_TRUE(cache.save(newest));
  ASSERT_TRUE(cache.save(newest));
  const auto loaded = cache.load();
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->size(), 1u);
  EXPECT_EQ(loaded->begin()->second.sequence, 7u);
  EXPECT_EQ(loaded->begin()->second.commit, entry.commit);
  ASSERT_TRUE(cache.save({}));
  EXPECT_TRUE(cache.load()->empty());
}

inline void check_clock(Clock& clock) {
  const uint64_t before = clock.steady_ms();
  EXPECT_TRUE(clock.sleep_for(std::chrono::milliseconds(2), {}));  // the call under test
  EXPECT_GE(clock.steady_ms(), before + 2);
  EXPECT_GT(clock.wall_ms(), 0u);
  std::stop_source stop;
  stop.request_stop();
  // An hour would be noticed.
  EXPECT_FALSE(clock.sleep_for(std::chrono::hours(1), stop.get_token()));  // the clock returns early
}

inline void check_entropy(Entropy& entropy) {
  EXPECT_NE(entropy.next_u64(), entropy.next_u64());
}

inline void check_executor(Executor& executor) {
  std::atomic<int> done = 0;
  executor.run_all({}, std::chrono::milliseconds(5), [] {});
  std::vector<std::function<void()>> tasks(100, [&] { ++done; });
  executor.run_all(std::move(tasks), std::chrono::milliseconds(5), [] {});
  EXPECT_EQ(done, 100);
  // A task that waits for a tick proves that ticks come while tasks run.
  std::atomic<bool> ticked = false;
  executor.run_all({[&] { ticked.wait(false); }}, std::chrono::milliseconds(1), [&] {
    ticked = true;
    ticked.notify_all();
  });
  EXPECT_TRUE(ticked);
}

// An HTTP server answers at `alive`, nobody at `dead`.
inline void check_prober(Prober& prober, std::string_view alive, std::string_view dead,
                         uint16_t port) {
  const auto limit = std::chrono::milliseconds(2000);
  EXPECT_TRUE(prober.tcp(alive, port, limit));
  EXPECT_TRUE(prober.http(alive, port, "/healthz", limit));
  for (const Status& refused : {prober.tcp(dead, port, limit), prober.http(dead, port, "/", limit)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unavailable);
    EXPECT_EQ(refused.error().effect, Effect::none);
  }
}

// `alive` answers, nobody is at `dead`.
inline void check_echo(Echo& echo, std::string_view alive, std::string_view dead) {
  const auto limit = std::chrono::milliseconds(2000);
  const auto answered = echo.echo(alive, limit);
  ASSERT_TRUE(answered) << answered.error().line();
  EXPECT_LT(*answered, 2'000'000u);
  const auto nobody = echo.echo(dead, std::chrono::milliseconds(50));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::unavailable);
  EXPECT_EQ(echo.echo("somewhere", limit).error().code, Code::invalid);
  // Several at once do not take each other's answers.
  std::atomic<int> count = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { count += echo.echo(alive, limit) ? 1 : 0; });
  }
  threads.clear();
  EXPECT_EQ(count, 8);
}

inline void check_host_facts(HostFacts& host, uint16_t listening) {
  const auto ports = host.listening_ports();
  ASSERT_TRUE(ports);
  EXPECT_TRUE(std::ranges::find(*ports, listening) != ports->end());
  EXPECT_TRUE(std::ranges::is_sorted(*ports));
  EXPECT_GT(host.memory_free_bytes().value_or(0), 0u);
  EXPECT_GT(host.disk_free_bytes().value_or(0), 0u);
  const auto routes = host.routes();
  ASSERT_TRUE(routes);
  for (const NetworkRoute& route : *routes) {
    EXPECT_TRUE(route.destination.contains('/')) << route.destination;
    EXPECT_FALSE(route.device.empty());
  }
}

}  // namespace ployz::contract

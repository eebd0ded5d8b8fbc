// HAProxy under load: no request fails and no client sees an older version after a newer one while
// routes are switched; and how long a switch of many routes takes.
#include <atomic>
#include <cstdio>

#include "contract/gateway_world.h"
#include "contract/haproxy_world.h"

namespace ployz::contract {
namespace {

using std::chrono::steady_clock;

int setting(const char* name, int fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::atoi(text);
}

// The number behind the name: "v12" → 12; -1 when the request failed.
int version_of(const Answer& answer) {
  return answer.status == 200 ? std::atoi(answer.body.c_str() + 1) : -1;
}

// Asks one host, then another that is switched in the same commit, over kept connections.
struct Pairs {
  void run(uint16_t port) {
    KeptClient first(port);
    KeptClient second(port);
    while (!done) {
      const int a = version_of(first.get("a.example.com", "/"));
      const int b = version_of(second.get("b.example.com", "/"));
      if (a < 0 || b < 0) ++failed;
      if (a >= 0 && b >= 0 && b < a) ++mixed;
      ++pairs;
    }
  }
  std::atomic<bool> done = false;
  std::atomic<int> pairs = 0;
  std::atomic<int> failed = 0;
  std::atomic<int> mixed = 0;
};

TEST(HaproxyLoad, SwitchesAreAtomicAndLoseNoRequest) {
  const int switches = setting("PLOYZ_SWITCHES", 60);
  HaproxyWorld world(HaproxyWorld::small_config());
  Backend served = backend_of("web", {world.start_server("v0")}, BackendMode::http, "g0");
  const auto show = [&](int version) {
    const Status committed = world.gateway().commit_routes(
        table_of({{"a.example.com", "/", served.key}, {"b.example.com", "/", served.key}},
                 static_cast<uint64_t>(version) + 1));
    ASSERT_TRUE(committed) << committed.error().line();
  };
  ASSERT_TRUE(world.gateway().ensure_backends({served}, kPatience));
  show(0);
  Pairs pairs;
  std::vector<std::jthread> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back([&] { pairs.run(world.config().listen_port); });
  for (int version = 1; version <= switches; ++version) {
    const Backend old = served;
    served = backend_of("web", {world.start_server("v" + std::to_string(version))},
                        BackendMode::http, "g" + std::to_string(version));
    const Status ensured = world.gateway().ensure_backends({served}, kPatience);
    ASSERT_TRUE(ensured) << ensured.error().line();
    show(version);
    const Status retired = world.gateway().retire_backends({old.key}, kPatience);
    ASSERT_TRUE(retired) << retired.error().line();
  }
  pairs.done = true;
  clients.clear();
  std::printf("%d switches, %d pairs, %d failed, %d mixed\n", switches, pairs.pairs.load(),
              pairs.failed.load(), pairs.mixed.load());
  EXPECT_GT(pairs.pairs, switches);
  EXPECT_EQ(pairs.failed, 0);
  EXPECT_EQ(pairs.mixed, 0);
}

TEST(HaproxyLoad, ManyRoutesSwitchQuickly) {
  HaproxyWorld world(HaproxyWorld::small_config());
  const Backend one = backend_of("one", {world.start_server("one")});
  const Backend two = backend_of("two", {world.start_server("two")});
  ASSERT_TRUE(world.gateway().ensure_backends({one, two}, kPatience));
  std::vector<double> times_ms;
  for (int round = 0; round < 21; ++round) {
    std::vector<HostRoute> hosts;
    const Backend& shown = round % 2 == 0 ? one : two;
    for (int i = 0; i < 1000; ++i) {
      hosts.push_back({std::format("service-{}.example.com", i), "/", shown.key});
    }
    const RouteTable table = table_of(std::move(hosts), static_cast<uint64_t>(round) + 1);
    const auto begin = steady_clock::now();
    ASSERT_TRUE(world.gateway().commit_routes(table));
    times_ms.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count());
    ASSERT_EQ(world.get("service-999.example.com", "/"), round % 2 == 0 ? "one" : "two");
  }
  std::ranges::sort(times_ms);
  std::printf("1,000 routes, files written: median %.1f ms, worst %.1f ms\n", times_ms[10],
              times_ms.back());
  EXPECT_LT(times_ms[10], 2000);
}

}  // namespace
}  // namespace ployz::contract

#include "mesh/rtt.h"

#include <gtest/gtest.h>

#include "drivers/os/thread_executor.h"
#include "sim/fakes/fake_echo.h"
#include "sim/fakes/fake_rpc.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

Machine machine(const std::string& name, const std::string& address) {
  Machine machine;
  machine.id = MachineId(name);
  machine.overlay_address = address;
  return machine;
}

TEST(RoundTripSummary, MedianAndMedianDeviation) {
  EXPECT_EQ(median({5}), 5u);
  EXPECT_EQ(median({9, 1, 5}), 5u);
  const RoundTrips trips = summarize({100, 110, 90, 5'000, 105, 95, 100}, 1);
  EXPECT_EQ(trips.median_us, 100u);
  EXPECT_EQ(trips.deviation_us, 5u);
  EXPECT_EQ(trips.samples, 7u);
  EXPECT_EQ(trips.lost, 1u);
  EXPECT_EQ(summarize({}, 3).samples, 0u);
}

TEST(RoundTripMatrix, EveryOrderedPairWithWhatIsSilent) {
  sim::NoHook hook;
  sim::FakeRpc rpc(hook);
  ThreadExecutor executor;
  // m3 answers echoes of nobody, and its agent is gone.
  sim::FakeEcho echo(hook, [](std::string_view address) -> std::optional<uint64_t> {
    if (address == "10.101.2.1") return std::nullopt;
    return 250;
  });
  std::vector<std::unique_ptr<Subscription>> served;
  for (const char* id : {"m1", "m2"}) {
    served.push_back(
        rpc.serve(MachineId(id), Target::agent,
                  [&, id](const std::string&, const Json& request) -> Result<Json> {
                    return measure_round_trips(MachineId(id), TRY(rtt_request_from_json(request)),
                                               echo, executor);
                  })
            .value());
  }
  const auto all = round_trips({machine("m1", "10.101.0.1"), machine("m2", "10.101.1.1"),
                                machine("m3", "10.101.2.1")},
                               rpc);
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(all[0].from, MachineId("m1"));
  EXPECT_EQ(all[0].to, MachineId("m2"));
  EXPECT_EQ(all[0].median_us, 250u);
  EXPECT_EQ(all[0].samples, static_cast<uint32_t>(kEchoes));
  EXPECT_EQ(all[1].samples, 0u);
  EXPECT_EQ(all[1].lost, static_cast<uint32_t>(kGiveUpAfter));
  EXPECT_TRUE(all[1].error.contains("10.101.2.1")) << all[1].error;
  EXPECT_EQ(all[4].from, MachineId("m3"));
  EXPECT_FALSE(all[4].error.empty());
}

}  // namespace
}  // namespace ployz

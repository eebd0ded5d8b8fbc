// Round trips between machines, measured over the overlay: every machine sends a few echoes to every
// other. Median and median deviation, because one late packet says nothing about a way.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "mesh/mesh_calls.h"
#include "model/machine.h"
#include "ports/clock.h"
#include "ports/echo.h"
#include "ports/machine_rpc.h"

namespace ployz {

inline constexpr int kEchoes = 7;  // odd: the median is a sample
inline constexpr std::chrono::milliseconds kEchoTimeout{1000};  // for the slowest way we know, ×3
// A target that answers none of the first is not asked further.
inline constexpr int kGiveUpAfter = 3;

struct RoundTrips {
  MachineId from;
  MachineId to;
  uint64_t median_us = 0;
  uint64_t deviation_us = 0;  // median of the distances from the median
  uint32_t samples = 0;
  uint32_t lost = 0;
  std::string error;  // why there are no samples
  bool operator==(const RoundTrips&) const = default;
};

// Pure; `samples_us` in any order, not empty.
[[nodiscard]] uint64_t median(std::vector<uint64_t> samples_us);
[[nodiscard]] RoundTrips summarize(std::vector<uint64_t> samples_us, uint32_t lost);

// The agent's side, command "rtt": all targets at the same time.
[[nodiscard]] Result<Json> measure_round_trips(const MachineId& self, const RttRequest& request,
                                               Echo& echo, Executor& executor);

// The coordinator's side: every ordered pair of these machines; a machine that does not answer has
// its error in each of its pairs. Sorted by the order of `machines`.
[[nodiscard]] std::vector<RoundTrips> round_trips(const std::vector<Machine>& machines,
                                                  MachineRpc& rpc);

}  // namespace ployz

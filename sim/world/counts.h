// How often things happened: shows that the faults and outcomes a run is about are really reached.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ployz::sim {

enum class Count : size_t {
  seeds,
  operations,
  commits,
  // What operators were told.
  committed,
  unchanged,
  failed,
  aborted,
  refused,
  cleanup_pending,
  interrupted,
  errors,
  lost,
  // What happened behind their backs.
  taken_over,  // operations that needed another coordinator
  fences,
  crashes,
  hangs,  // stalled threads and paused processes
  unknown_writes,
  refused_calls,
  ctrl_c,
  partitions,
  machine_pauses,
  machine_deaths,
  cut_calls,
  gateway_switches,
  // Commits that move data, and data that moved.
  branches,
  forks,
  migrations,
  promotes,
  rollbacks,
  volume_snapshots,
  prunes,
  removed_volumes,
  drained,
  removed_machines,
  store_moves,
  failed_moves,
  moving_seeds,
  recoveries,
  lost_writes,
  writes,
  receives,
  cut_streams,
  full_pools,
  thread_switches,
};
inline constexpr size_t kCounts = static_cast<size_t>(Count::thread_switches) + 1;

inline constexpr std::array<std::string_view, kCounts> kCountNames{
    "seeds",      "operations",     "commits",       "committed",        "unchanged",
    "failed",     "aborted",        "refused",       "cleanup pending",  "interrupted",
    "errors",     "lost answers",   "taken over",    "fences",           "crashes",
    "hangs",      "unknown writes", "refused calls", "ctrl-c",           "partitions",
    "machine pauses", "machine deaths", "cut calls", "gateway switches",
    "branches", "forks", "migrations", "promotes", "rollbacks", "volume snapshots", "prunes",
    "removed volumes", "drained", "removed machines", "store moves", "failed store moves", "seeds whose store moved", "recoveries", "writes lost in them", "writes", "receives", "cut streams", "full pools",
    "thread switches"};

class Counts {
 public:
  void add(Count count, uint64_t times = 1) { values_[static_cast<size_t>(count)] += times; }
  [[nodiscard]] const std::array<uint64_t, kCounts>& values() const { return values_; }

 private:
  std::array<uint64_t, kCounts> values_{};
};

}  // namespace ployz::sim

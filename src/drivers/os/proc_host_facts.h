// Numbers about this host from /proc (proc(5)) and statvfs(3).
#pragma once

#include <filesystem>
#include <set>

#include "ports/host.h"

namespace ployz {

// Thread-safe; reads afresh at every call.
class ProcHostFacts final : public HostFacts {
 public:
  struct Config {
    std::filesystem::path proc = "/proc";
    std::filesystem::path disk;          // free space of the filesystem that holds this path
    std::set<uint16_t> gateway_ports;    // the gateway's own: listening there is no obstacle
  };
  explicit ProcHostFacts(Config config) : config_(std::move(config)) {}

  // Sorted. A port only loopback listens on is left out. `unavailable`: /proc is not readable.
  Result<std::vector<uint16_t>> listening_ports() override;
  Result<uint64_t> memory_free_bytes() override;
  Result<uint64_t> disk_free_bytes() override;
  Result<std::vector<NetworkRoute>> routes() override;

 private:
  const Config config_;
};

}  // namespace ployz

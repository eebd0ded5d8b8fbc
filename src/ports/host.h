// What an agent asks its own host: one attempt of a readiness probe, and a few numbers.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ployz {

class Prober {
 public:
  virtual ~Prober() = default;
  // One GET; success is a status below 400. `unavailable`: refused, reset, timed out or another
  // status, said in the message. Effect none.
  [[nodiscard]] virtual Status http(std::string_view address, uint16_t port, std::string_view path,
                                    std::chrono::milliseconds timeout) = 0;
  // One TCP connection.
  [[nodiscard]] virtual Status tcp(std::string_view address, uint16_t port,
                                   std::chrono::milliseconds timeout) = 0;
};

// One IPv4 route that leads somewhere: "10.101.0.0/16" by "ployz-wg".
struct NetworkRoute {
  std::string destination;
  std::string device;
  bool operator==(const NetworkRoute&) const = default;
};

class HostFacts {
 public:
  virtual ~HostFacts() = default;
  // TCP ports somebody listens on, on any or an external address, the gateway's own left out.
  [[nodiscard]] virtual Result<std::vector<uint16_t>> listening_ports() = 0;
  [[nodiscard]] virtual Result<uint64_t> memory_free_bytes() = 0;
  [[nodiscard]] virtual Result<uint64_t> disk_free_bytes() = 0;
  // Of the main table, in the kernel's order.
  [[nodiscard]] virtual Result<std::vector<NetworkRoute>> routes() = 0;
};

}  // namespace ployz

// Readiness probes over plain sockets. An empty address is this host's own loopback (services with
// network = host).
#pragma once

#include "ports/host.h"

namespace ployz {

// Thread-safe; holds nothing between calls.
class TcpProber final : public Prober {
 public:
  Status http(std::string_view address, uint16_t port, std::string_view path,
              std::chrono::milliseconds timeout) override;
  Status tcp(std::string_view address, uint16_t port,
             std::chrono::milliseconds timeout) override;
};

}  // namespace ployz

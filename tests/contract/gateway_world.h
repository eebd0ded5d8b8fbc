// What the gateway's contract suite and load test stand on: a gateway, servers to route to, a
// client's view.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "ports/gateway.h"

namespace ployz::contract {

class GatewayWorld {
 public:
  virtual ~GatewayWorld() = default;
  virtual Gateway& gateway() = 0;
  // Starts a server that answers with its name; returns its address.
  virtual std::string start_server(const std::string& name) = 0;
  // Where nobody answers.
  virtual std::string dead_address() = 0;
  // Which server a client's request reaches; "" when none.
  virtual std::string get(const std::string& host, const std::string& path) = 0;
  // The driver's process starts anew.
  virtual void reopen() = 0;
  // The gateway's process is killed and starts anew, without the driver's help.
  virtual void restart() = 0;
};

inline constexpr std::chrono::milliseconds kPatience{5000};
inline constexpr std::chrono::milliseconds kShort{150};

inline Backend backend_of(const std::string& service, const std::vector<std::string>& servers,
                          BackendMode mode = BackendMode::http,
                          const std::string& generation = "g1") {
  Backend backend{{NamespaceName("shop"), ServiceName(service), 8080, mode, generation}, servers};
  std::ranges::sort(backend.servers);
  return backend;
}

inline RouteTable table_of(std::vector<HostRoute> hosts, uint64_t sequence = 1) {
  std::ranges::sort(hosts);
  return {std::move(hosts), {}, {{NamespaceName("shop"), sequence}}};
}

}  // namespace ployz::contract

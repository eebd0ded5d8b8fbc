// One machine's gateway, as the router programs it. Real: HAProxy's run-time API
// (src/drivers/haproxy; recipe and measurements in architecture.md). One writer. Calls block and are
// thread-safe: a call that waits (for health, for connections to end) holds up no other, unless they
// name the same backend.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/names.h"

namespace ployz {

enum class BackendMode { http, tcp };

// A set of servers that is switched to as a whole: one service port of one commit's revision. A port
// that is both routed by name and published is two backends.
struct BackendKey {
  NamespaceName name_space;
  ServiceName service;
  uint16_t port = 0;  // container port
  BackendMode mode = BackendMode::http;
  std::string generation;  // same servers, same generation: digest of the sorted addresses
  auto operator<=>(const BackendKey&) const = default;
};

struct Backend {
  BackendKey key;
  std::vector<std::string> servers;  // "10.101.0.7:8080", sorted
  bool operator==(const Backend&) const = default;
};

struct HostRoute {
  std::string hostname;     // exact, "*.example.com", or "*" for any other
  std::string path_prefix;  // "/" or "/api"; the longest match wins
  BackendKey backend;
  auto operator<=>(const HostRoute&) const = default;
};

// What the gateway serves; replaced as a whole, atomically.
struct RouteTable {
  std::vector<HostRoute> hosts;          // sorted
  std::map<uint16_t, BackendKey> ports;  // published TCP port → backend
  std::map<NamespaceName, uint64_t> sequences;  // which commit of each namespace this shows
  bool operator==(const RouteTable&) const = default;
};

class Gateway {
 public:
  virtual ~Gateway() = default;

  // Slots are taken and servers added, and each has answered a health check at least once (within
  // `timeout`; `precondition` naming the server otherwise, and nothing stays taken). Timeout 0: taken
  // without a health check, for what a commit has made true already. Present: nothing to do.
  // `unavailable`: no free slot, or the gateway is down; nothing stays taken.
  [[nodiscard]] virtual Status ensure_backends(const std::vector<Backend>& backends,
                                               std::chrono::milliseconds timeout) = 0;
  // Returns when every server of these backends accepts a connection; from then on requests go there,
  // whatever health checks said before. `precondition` naming one that does not within `timeout`.
  // Backends that are not taken are left out.
  [[nodiscard]] virtual Status await_backends(const std::vector<BackendKey>& keys,
                                              std::chrono::milliseconds timeout) = 0;
  // One atomic switch of everything. Every backend it names must be ensured (`precondition`).
  // Written to disk first, so that a gateway that restarts comes up with it.
  [[nodiscard]] virtual Status commit_routes(const RouteTable& table) = 0;
  // Returns when no connection uses these backends, or after `limit`, when it has cut those left;
  // then forgets them.
  // Absent ones are fine. Refused (`precondition`) for one that the routes name.
  [[nodiscard]] virtual Status retire_backends(const std::vector<BackendKey>& keys,
                                               std::chrono::milliseconds limit) = 0;
  // Those taken now, sorted by key; how a restarted router learns what it left behind.
  [[nodiscard]] virtual Result<std::vector<Backend>> backends() = 0;
  // The routes served now, as far as this driver committed them.
  [[nodiscard]] virtual Result<RouteTable> routes() = 0;
};

}  // namespace ployz

// The one map from host names and published ports to slots, as HAProxy reads it: from the file at
// its start, and in chunks through its run-time API. Pure.
//
//   host:shop.example.com/api/ h0003      exact host, path prefix
//   host:*.example.com/ h0004             one label in place of the star
//   host:*/ h0005                         any other host
//   port:5432 t0000                       published port
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/haproxy/haproxy_config.h"
#include "ports/gateway.h"

namespace ployz {

// A command with its payload must fit HAProxy's buffer of 16 kB (tune.bufsize).
inline constexpr size_t kMaxMapChunk = 12 << 10;

// One line per route, each with its end. `precondition` naming a backend that is in no slot;
// `invalid` for a host name or path that cannot be a key.
[[nodiscard]] Result<std::vector<std::string>> route_map_lines(
    const RouteTable& table, const std::map<BackendKey, SlotName>& slots);

// The lines joined into texts of at most kMaxMapChunk.
[[nodiscard]] std::vector<std::string> map_chunks(const std::vector<std::string>& lines);

}  // namespace ployz

// The configuration of a machine's knotd (Knot DNS 3.4) as text. Pure.
//
// One zone, the cluster domain, which the router fills (knot_dns.h); every other name is forwarded
// to the machine's own resolvers. knotd binds an address the machine does not have yet too (it
// warns), so it may start before the bridge exists.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ployz {

inline constexpr auto kZoneFileName = "cluster.zone";
// How long one resolver is waited for. Below the 5 s after which resolv.conf(5) clients try again,
// above what a resolver needs for a name it must look up.
inline constexpr std::chrono::milliseconds kForwardTimeout{2000};
// resolv.conf(5), MAXNS: more are ignored by everybody. knotd tries them one after the other.
inline constexpr size_t kMaxUpstreams = 3;

struct KnotConfig {
  std::vector<std::string> listen;  // "10.101.0.1" (port 53) or "10.101.0.1@53"
  std::string zone;                 // "cluster.local"
  // Of the user knot, who writes its timers there; the zone file is <folder>/cluster.zone.
  std::string folder = "/var/lib/ployz/knot";
  std::string control_socket = "/run/ployz/knot/knot.sock";  // its folder too is of the user knot
  std::vector<std::string> upstreams;  // as `listen`; none: other names are refused
};

// `invalid`: an address, zone or path that could not be written down, or no address to listen on.
[[nodiscard]] Result<std::string> knot_config_text(const KnotConfig& config);

// A zone without names. Written once, when there is no zone file yet: after that the file is the
// router's.
[[nodiscard]] std::string initial_zone_text(std::string_view zone);

// The IPv4 name servers of a resolv.conf(5), kMaxUpstreams at most, without `own` (addresses knotd
// listens on: it would ask itself).
[[nodiscard]] std::vector<std::string> upstream_resolvers(std::string_view resolv_conf,
                                                          const std::vector<std::string>& own);

}  // namespace ployz

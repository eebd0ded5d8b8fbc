// Where other machines can reach this one: the addresses of its interfaces, best first. What a
// machine behind NAT is called by others is not among them; it calls them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ployz {

// A machine's record carries them, and each one costs a peer two seconds when it is dead.
inline constexpr size_t kMaxEndpoints = 8;

struct InterfaceAddress {
  std::string interface;
  std::string address;  // "192.0.2.7" or "2001:db8::1"
};

// Private before carrier-grade NAT (100.64.0.0/10) before public, IPv4 before IPv6 in each, else in
// the order given; at most kMaxEndpoints. Left out: loopback, link-local and multicast, interfaces
// of containers and virtual machines and of ours, and the cluster's own range. IPv6 in brackets.
// `invalid`: cluster_cidr does not parse.
[[nodiscard]] Result<std::vector<std::string>> order_endpoints(
    const std::vector<InterfaceAddress>& addresses, std::string_view cluster_cidr, uint16_t port);

// Of this host, now. `unavailable`: the interfaces cannot be read.
[[nodiscard]] Result<std::vector<std::string>> local_endpoints(std::string_view cluster_cidr,
                                                               uint16_t port);

}  // namespace ployz

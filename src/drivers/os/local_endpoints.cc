#include "drivers/os/local_endpoints.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <format>
#include <memory>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "plan/addresses.h"

namespace ployz {
namespace {

enum Rank { kPrivate, kCarrier, kPublic };  // private: also "unique local" of IPv6

constexpr std::array<std::string_view, 10> kVirtualInterfaces{
    "lo", "docker", "ployz", "br-", "veth", "virbr", "cni", "flannel", "podman", "lxcbr"};

struct Range {
  uint32_t network;
  int prefix;
  [[nodiscard]] bool has(uint32_t address) const {
    return prefix == 0 || (address ^ network) >> (32 - prefix) == 0;
  }
};

std::optional<Rank> rank_ipv4(uint32_t address) {
  constexpr std::array unusable{Range{0, 8}, Range{0x7f000000, 8}, Range{0xa9fe0000, 16},
                                Range{0xe0000000, 3}};
  constexpr std::array local{Range{0x0a000000, 8}, Range{0xac100000, 12}, Range{0xc0a80000, 16}};
  const auto in = [&](const Range& range) { return range.has(address); };
  if (std::ranges::any_of(unusable, in)) return std::nullopt;
  if (std::ranges::any_of(local, in)) return kPrivate;
  return Range{0x64400000, 10}.has(address) ? kCarrier : kPublic;
}

std::optional<Rank> rank_ipv6(const in6_addr& address) {
  const uint8_t first = address.s6_addr[0];
  if ((first & 0xfe) == 0xfc) return kPrivate;          // fc00::/7
  if ((first & 0xe0) == 0x20) return kPublic;           // 2000::/3, all that is global today
  return std::nullopt;
}

bool is_virtual(std::string_view interface) {
  return std::ranges::any_of(kVirtualInterfaces, [&](std::string_view prefix) {
    return prefix == "lo" ? interface == "lo" : interface.starts_with(prefix);
  });
}

}  // namespace

Result<std::vector<std::string>> order_endpoints(const std::vector<InterfaceAddress>& addresses,
                                                 std::string_view cluster_cidr, uint16_t port) {
  const Subnet subnet = TRY(parse_subnet(cluster_cidr));
  const Range cluster{subnet.network, subnet.prefix};
  std::vector<std::pair<int, std::string>> ranked;
  for (const auto& [interface, text] : addresses) {
    if (is_virtual(interface)) continue;
    in_addr ipv4{};
    in6_addr ipv6{};
    if (::inet_pton(AF_INET, text.c_str(), &ipv4) == 1) {
      const uint32_t address = ntohl(ipv4.s_addr);
      const auto rank = rank_ipv4(address);
      if (rank && !cluster.has(address)) {
        ranked.emplace_back(*rank * 2, std::format("{}:{}", text, port));
      }
    } else if (::inet_pton(AF_INET6, text.c_str(), &ipv6) == 1) {
      const auto rank = rank_ipv6(ipv6);
      if (rank) ranked.emplace_back(*rank * 2 + 1, std::format("[{}]:{}", text, port));
    }
  }
  std::ranges::stable_sort(ranked, {}, &std::pair<int, std::string>::first);
  std::vector<std::string> endpoints;
  for (auto& [rank, endpoint] : ranked) {
    if (endpoints.size() == kMaxEndpoints) break;
    if (std::ranges::find(endpoints, endpoint) == endpoints.end()) {
      endpoints.push_back(std::move(endpoint));
    }
  }
  return endpoints;
}

Result<std::vector<std::string>> local_endpoints(std::string_view cluster_cidr, uint16_t port) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) {
    return fail(Code::unavailable,
                std::format("the host's interfaces cannot be read: {}", std::strerror(errno)));
  }
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, &::freeifaddrs);
  std::vector<InterfaceAddress> addresses;
  for (const ifaddrs* each = list; each; each = each->ifa_next) {
    if (!each->ifa_addr || (each->ifa_flags & IFF_UP) == 0) continue;
    const int family = each->ifa_addr->sa_family;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family == AF_INET) {
      ::inet_ntop(family, &reinterpret_cast<const sockaddr_in*>(each->ifa_addr)->sin_addr,
                  text.data(), text.size());
    } else if (family == AF_INET6) {
      ::inet_ntop(family, &reinterpret_cast<const sockaddr_in6*>(each->ifa_addr)->sin6_addr,
                  text.data(), text.size());
    } else {
      continue;
    }
    addresses.push_back({each->ifa_name, text.data()});
  }
  return order_endpoints(addresses, cluster_cidr, port);
}

}  // namespace ployz

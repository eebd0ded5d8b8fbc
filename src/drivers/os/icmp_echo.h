// Echo over an ICMP socket: the unprivileged kind where the kernel allows it
// (net.ipv4.ping_group_range, icmp(7)), else a raw one (CAP_NET_RAW).
#pragma once

#include "ports/echo.h"

namespace ployz {

// Thread-safe; a socket per call.
class IcmpEcho final : public Echo {
 public:
  Result<uint64_t> echo(std::string_view address, std::chrono::milliseconds timeout) override;
};

// The checksum of RFC 1071, in host order.
[[nodiscard]] uint16_t internet_checksum(std::string_view bytes);

}  // namespace ployz

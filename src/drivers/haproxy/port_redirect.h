// Published ports: nftables redirects connections to them, from outside and from this machine, to
// HAProxy's one TCP frontend, which sees the original port (ADR 0004). The set of ports is all that
// changes. nft(8) is a child process; one call is one transaction.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "base/result.h"

namespace ployz {

// Pure. The table may be there already, in part or whole; other chains and sets of it are left alone.
[[nodiscard]] std::string redirect_script(std::string_view table, uint16_t redirect_port,
                                          const std::set<uint16_t>& ports);

class PortRedirect {
 public:
  // Empty table: does nothing.
  PortRedirect(std::string table, uint16_t redirect_port)
      : table_(std::move(table)), redirect_port_(redirect_port) {}
  // Exactly these ports are redirected when it returns. Open connections live on. `unavailable`:
  // nft failed; nothing was changed.
  [[nodiscard]] Status set_ports(const std::set<uint16_t>& ports) const;

 private:
  const std::string table_;
  const uint16_t redirect_port_;
};

}  // namespace ployz

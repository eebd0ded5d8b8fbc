// One machine's authoritative zone, the cluster domain. Real: Knot through libknot
// (src/drivers/knot). One writer.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/result.h"

namespace ployz {

// Owner name relative to the zone ("web.shop") → IPv4 addresses.
using DnsRecords = std::map<std::string, std::set<std::string>>;

class Dns {
 public:
  virtual ~Dns() = default;
  // The zone's A records become exactly these, in one transaction; on error the old ones are
  // served. Written to the zone file too, so that a restart serves the same. May be repeated.
  [[nodiscard]] virtual Status replace(const DnsRecords& records) = 0;
  [[nodiscard]] virtual Result<DnsRecords> records() = 0;
};

}  // namespace ployz

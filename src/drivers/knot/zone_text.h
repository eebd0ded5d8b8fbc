// The zone of the cluster domain as text, and the difference between two of its states. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/dns.h"

namespace ployz {

// Seconds. Answers name containers that may be gone with the next commit; 0 is ignored by some
// resolvers. Also how long a missing name is remembered.
inline constexpr uint32_t kRecordTtl = 1;
// Far above any cluster; it bounds what one change sends and one answer of knotd is kept.
inline constexpr size_t kMaxZoneRecords = 100'000;

// One A record as Knot serves it. `owner` is relative to the zone.
struct AddressRecord {
  std::string owner;
  std::string ttl;
  std::string address;
  bool operator==(const AddressRecord&) const = default;
};

struct ZoneChanges {
  std::vector<AddressRecord> unset;  // to be done first: Knot refuses two TTLs under one name
  std::vector<AddressRecord> set;
  [[nodiscard]] bool empty() const { return unset.empty() && set.empty(); }
};

// `invalid`: a name that is no host name in this zone, or an address that is not IPv4.
[[nodiscard]] Status check_records(const DnsRecords& records, std::string_view zone);
[[nodiscard]] ZoneChanges zone_changes(const std::vector<AddressRecord>& served,
                                       const DnsRecords& wanted);

// What the records of the apex hold. Nobody transfers the zone, so its server has no name.
[[nodiscard]] std::string soa_data(uint32_t serial);
[[nodiscard]] std::string ns_data();
// "… 42 3600 …" → 42, or `corrupt`.
[[nodiscard]] Result<uint32_t> soa_serial(std::string_view data);

// A whole zone file.
[[nodiscard]] std::string zone_text(std::string_view zone, uint32_t serial,
                                    const DnsRecords& records);

}  // namespace ployz

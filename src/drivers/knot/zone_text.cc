#include "drivers/knot/zone_text.h"

#include <charconv>
#include <format>
#include <sstream>

#include <arpa/inet.h>

#include "model/names.h"

namespace ployz {
namespace {

bool is_ipv4(const std::string& text) {
  in_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

}  // namespace

Status check_records(const DnsRecords& records, std::string_view zone) {
  size_t count = 0;
  for (const auto& [name, addresses] : records) {
    TRY(check_hostname(std::format("{}.{}", name, zone)));
    for (const auto& address : addresses) {
      if (!is_ipv4(address)) {
        return fail(Code::invalid, std::format("\"{}\" of {} is no IPv4 address", address, name));
      }
    }
    count += addresses.size();
  }
  if (count > kMaxZoneRecords) {
    return fail(Code::invalid,
                std::format("{} DNS records, at most {} are served", count, kMaxZoneRecords));
  }
  return {};
}

ZoneChanges zone_changes(const std::vector<AddressRecord>& served, const DnsRecords& wanted) {
  const std::string ttl = std::to_string(kRecordTtl);
  std::set<std::string> made_anew;  // names with another TTL
  for (const auto& record : served) {
    if (record.ttl != ttl) made_anew.insert(record.owner);
  }
  ZoneChanges changes;
  DnsRecords kept;
  for (const auto& record : served) {
    const auto name = wanted.find(record.owner);
    const bool stays = name != wanted.end() && name->second.contains(record.address);
    if (stays && !made_anew.contains(record.owner)) {
      kept[record.owner].insert(record.address);
    } else {
      changes.unset.push_back(record);
    }
  }
  for (const auto& [name, addresses] : wanted) {
    for (const auto& address : addresses) {
      if (!kept[name].contains(address)) changes.set.push_back({name, ttl, address});
    }
  }
  return changes;
}

// RFC 2606: ".invalid" exists nowhere. Refresh, retry and expire are for secondaries; the last
// number is how long a missing name may be remembered (RFC 2308).
std::string soa_data(uint32_t serial) {
  return std::format("{} hostmaster.invalid. {} 3600 600 604800 {}", ns_data(), serial, kRecordTtl);
}

std::string ns_data() {
  return "ns.invalid.";
}

Result<uint32_t> soa_serial(std::string_view data) {
  std::istringstream words{std::string(data)};
  std::string server, mailbox, number;
  words >> server >> mailbox >> number;
  uint32_t serial = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), serial);
  if (number.empty() || error != std::errc() || end != number.data() + number.size()) {
    return fail(Code::corrupt, std::format("\"{}\" is no SOA record", data));
  }
  return serial;
}

std::string zone_text(std::string_view zone, uint32_t serial, const DnsRecords& records) {
  std::string text = "; Written by Ployz at every change; read by knotd when it starts.\n";
  text += std::format("$ORIGIN {}.\n$TTL {}\n@ SOA {}\n@ NS {}\n", zone, kRecordTtl,
                      soa_data(serial), ns_data());
  for (const auto& [name, addresses] : records) {
    for (const auto& address : addresses) text += std::format("{} A {}\n", name, address);
  }
  return text;
}

}  // namespace ployz

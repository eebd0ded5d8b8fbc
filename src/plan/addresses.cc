#include "plan/addresses.h"

#include <algorithm>
#include <charconv>
#include <format>

#include "base/ulid.h"

namespace ployz {
namespace {

// FNV-1a: std::hash may differ between builds, and plans must not.
uint64_t stable_hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// A decimal number up to `max` without sign or leading zeros; advances `text` behind it.
std::optional<uint32_t> take_number(std::string_view& text, uint32_t max) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<size_t>(end - text.data());
  if (error != std::errc{} || value > max || (length > 1 && text[0] == '0')) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

}  // namespace

Result<uint32_t> parse_ipv4(std::string_view text) {
  std::string_view rest = text;
  uint32_t address = 0;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      if (!rest.starts_with('.')) break;
      rest.remove_prefix(1);
    }
    const auto octet = take_number(rest, 255);
    if (!octet) break;
    address = (address << 8) | *octet;
    if (i == 3 && rest.empty()) return address;
  }
  return fail(Code::invalid, std::format("'{}' is not an IPv4 address", text));
}

std::string format_ipv4(uint32_t address) {
  return std::format("{}.{}.{}.{}", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
                     address & 255);
}

Result<Subnet> parse_subnet(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::invalid, std::format("'{}' is not an IPv4 subnet", text),
                "write it like 10.101.0.0/24");
  };
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return bad();
  const auto network = parse_ipv4(text.substr(0, slash));
  std::string_view rest = text.substr(slash + 1);
  const auto prefix = take_number(rest, 30);
  if (!network || !prefix || *prefix < 8 || !rest.empty()) return bad();
  const uint32_t host_bits = (uint32_t{1} << (32 - *prefix)) - 1;
  if ((*network & host_bits) != 0) return bad();
  return Subnet{*network, static_cast<int>(*prefix)};
}

AddressPool::AddressPool(const Snapshot& snapshot, uint64_t seed) : seed_(seed) {
  const auto use = [this](const std::string& address) {
    if (const auto parsed = parse_ipv4(address)) used_.insert(*parsed);
  };
  for (const Machine& machine : snapshot.machines) use(machine.overlay_address);
  for (const auto& [name, entry] : snapshot.newest) {
    for (const CommittedService& service : entry.commit.services) {
      for (const CommittedInstance& instance : service.instances) use(instance.address);
    }
  }
  for (const auto& [machine, facts] : snapshot.facts) {
    for (const FoundInstance& instance : facts.instances) use(instance.address);
    for (const std::string& address : facts.addresses_in_use) use(address);
  }
}

Result<std::string> AddressPool::take(const Machine& machine) {
  const auto subnet = parse_subnet(machine.subnet);
  if (!subnet) {
    return fail(
        Code::corrupt,
        std::format("machine {} has no usable subnet: {}", machine.name, subnet.error().message),
        "its record in the store is damaged");
  }
  // Hosts from .2 (after the network and the gateway) to the last before the broadcast address.
  const uint32_t size = uint32_t{1} << (32 - subnet->prefix);
  const uint32_t usable = size - 3;
  uint64_t state = seed_ ^ stable_hash(machine.id.str());
  const auto first = static_cast<uint32_t>(split_mix(state) % usable);
  uint32_t& offset = next_.try_emplace(machine.id, first).first->second;
  for (uint32_t tried = 0; tried < usable; ++tried) {
    const uint32_t address = subnet->network + 2 + offset;
    offset = (offset + 1) % usable;
    if (used_.insert(address).second) return format_ipv4(address);
  }
  return fail(
      Code::precondition,
      std::format("machine {} has no free address left in {}", machine.name, machine.subnet),
      "remove instances from it or place the service elsewhere");
}

}  // namespace ployz

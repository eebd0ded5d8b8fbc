#include "drivers/os/proc_host_facts.h"

#include <sys/statvfs.h>

#include <bit>
#include <charconv>
#include <cstdlib>
#include <format>
#include <fstream>
#include <optional>
#include <sstream>

namespace ployz {
namespace {

constexpr std::string_view kListening = "0A";  // TCP_LISTEN of include/net/tcp_states.h

// Addresses are printed as 32-bit words in host order (little-endian), hexadecimal.
bool is_loopback(std::string_view hex) {
  if (hex.size() == 8) return hex.ends_with("7F");
  return hex == "00000000000000000000000001000000" ||
         (hex.starts_with("0000000000000000FFFF0000") && hex.ends_with("7F"));
}

// One line of /proc/net/tcp: "  0: 0100007F:1F90 00000000:0000 0A …".
void add_port(const std::string& line, std::set<uint16_t>& ports) {
  std::istringstream fields(line);
  std::string number, local, remote, state;
  if (!(fields >> number >> local >> remote >> state) || state != kListening) return;
  const size_t colon = local.find(':');
  if (colon == std::string::npos || is_loopback(std::string_view(local).substr(0, colon))) return;
  uint16_t port = 0;
  const char* end = local.data() + local.size();
  const auto parsed = std::from_chars(local.data() + colon + 1, end, port, 16);
  if (parsed.ec == std::errc{} && parsed.ptr == end) ports.insert(port);
}

// A 32-bit word as /proc/net/route prints addresses: hexadecimal, in host order (little-endian).
std::optional<uint32_t> address_word(const std::string& hex) {
  uint32_t word = 0;
  const char* end = hex.data() + hex.size();
  const auto parsed = std::from_chars(hex.data(), end, word, 16);
  if (hex.size() != 8 || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return word;
}

// One line of /proc/net/route: "ployz0 0000650A 00000000 0001 0 0 0 00FFFFFF 0 0 0".
void add_route(const std::string& line, std::vector<NetworkRoute>& routes) {
  constexpr unsigned long kUp = 1, kReject = 0x200;  // RTF_UP, RTF_REJECT of route(8)
  std::istringstream fields(line);
  std::string device, destination, gateway, flags, references, use, metric, mask;
  if (!(fields >> device >> destination >> gateway >> flags >> references >> use >> metric >> mask))
    return;
  const auto network = address_word(destination);
  const auto bits = address_word(mask);
  const unsigned long set = std::strtoul(flags.c_str(), nullptr, 16);
  if (!network || !bits || (set & kUp) == 0 || (set & kReject) != 0) return;
  routes.push_back({std::format("{}.{}.{}.{}/{}", *network & 255, *network >> 8 & 255,
                                *network >> 16 & 255, *network >> 24, std::popcount(*bits)),
                    device});
}

}  // namespace

Result<std::vector<uint16_t>> ProcHostFacts::listening_ports() {
  std::set<uint16_t> ports;
  bool readable = false;
  for (const char* name : {"tcp", "tcp6"}) {  // tcp6 is absent where IPv6 is disabled
    std::ifstream file(config_.proc / "net" / name);
    if (!file) continue;
    readable = true;
    std::string line;
    std::getline(file, line);  // headings
    while (std::getline(file, line)) add_port(line, ports);
  }
  if (!readable) {
    return fail(Code::unavailable, std::format("cannot read {}/net/tcp", config_.proc.string()));
  }
  for (const uint16_t port : config_.gateway_ports) ports.erase(port);
  return std::vector<uint16_t>(ports.begin(), ports.end());
}

Result<uint64_t> ProcHostFacts::memory_free_bytes() {
  std::ifstream file(config_.proc / "meminfo");
  std::string key;
  uint64_t kib = 0;
  std::string unit;
  while (file >> key >> kib) {
    if (key == "MemAvailable:") return kib << 10;
    std::getline(file, unit);
  }
  return fail(Code::unavailable,
              std::format("no MemAvailable in {}/meminfo", config_.proc.string()));
}

Result<uint64_t> ProcHostFacts::disk_free_bytes() {
  struct statvfs info {};
  if (statvfs(config_.disk.c_str(), &info) != 0) {
    return fail(Code::unavailable,
                std::format("cannot ask for the free space of {}", config_.disk.string()));
  }
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

Result<std::vector<NetworkRoute>> ProcHostFacts::routes() {
  std::ifstream file(config_.proc / "net" / "route");
  if (!file) {
    return fail(Code::unavailable, std::format("cannot read {}/net/route", config_.proc.string()));
  }
  std::vector<NetworkRoute> routes;
  std::string line;
  std::getline(file, line);  // headings
  while (std::getline(file, line)) add_route(line, routes);
  return routes;
}

}  // namespace ployz

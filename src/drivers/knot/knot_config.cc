#include "drivers/knot/knot_config.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <format>
#include <sstream>

#include <arpa/inet.h>

#include "drivers/knot/zone_text.h"
#include "model/names.h"

namespace ployz {
namespace {

bool is_ipv4(const std::string& text) {
  in_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

Status check_address(const std::string& text) {
  const size_t at = text.find('@');
  bool good = is_ipv4(text.substr(0, at));
  if (at != std::string::npos) {
    uint16_t port = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + at + 1, end, port);
    good = good && parsed.ec == std::errc() && parsed.ptr == end && port != 0;
  }
  if (!good) {
    return fail(Code::invalid, std::format("\"{}\" is no address of a DNS server", text),
                "expected an IPv4 address, with @port when it is not 53");
  }
  return {};
}

Result<std::string> address_list(const std::vector<std::string>& addresses) {
  std::string list;
  for (const auto& address : addresses) {
    TRY(check_address(address));
    list += std::format("{}{}", list.empty() ? "" : ", ", address);
  }
  return "[" + list + "]";
}

// Written between quotes: nothing that would end or escape them.
Result<std::string> quoted_path(const std::string& path) {
  const bool bad = std::ranges::any_of(
      path, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '"' || c == '\\'; });
  if (bad || !path.starts_with('/')) {
    return fail(Code::invalid, std::format("\"{}\" is no path Knot can be given", path));
  }
  return "\"" + path + "\"";
}

// A query that is forwarded occupies its worker until the resolver answers, and the kernel deals
// queries to workers without regard for that (SO_REUSEPORT). With many workers, measured at 35 kB
// each, resolvers that are gone hardly delay the cluster's own names.
constexpr int kUdpWorkers = 64;

std::string server_text(const std::string& listen, const std::string& folder,
                        const std::string& run_folder, const std::string& socket) {
  return std::format(R"(server:
    rundir: {}
    listen: {}
    udp-workers: {}
    background-workers: 1
    answer-rotation: on

control:
    listen: {}

log:
  - target: stderr
    any: warning

database:
    storage: {}
    journal-db-max-size: 1M
    kasp-db-max-size: 5M
    timer-db-max-size: 1M

)",
                     run_folder, listen, kUdpWorkers, socket, folder);
}

// fallback: only what the zone does not answer is forwarded, and a name missing in the zone is
// answered (catch-nxdomain: off), or the cluster's names would leak to the resolvers.
Result<std::string> forwarding_text(const std::vector<std::string>& upstreams) {
  if (upstreams.empty()) return "";
  return std::format(R"(remote:
  - id: resolvers
    address: {}

mod-dnsproxy:
  - id: resolvers
    remote: resolvers
    fallback: on
    catch-nxdomain: off
    timeout: {}

)",
                     TRY(address_list(upstreams)), kForwardTimeout.count());
}

// No journal, and knotd never writes the zone file: we do, after every change, and a restart reads
// it whole.
std::string zone_section(const KnotConfig& config, const std::string& folder) {
  return std::format(R"(template:
  - id: default
    storage: {}
{}    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1

zone:
  - domain: {}
    file: {}
)",
                     folder,
                     config.upstreams.empty() ? "" : "    global-module: mod-dnsproxy/resolvers\n",
                     config.zone, kZoneFileName);
}

}  // namespace

Result<std::string> knot_config_text(const KnotConfig& config) {
  TRY(check_hostname(config.zone));
  if (config.listen.empty()) return fail(Code::invalid, "DNS has no address to listen on");
  const std::string listen = TRY(address_list(config.listen));
  const std::string folder = TRY(quoted_path(config.folder));
  const std::string socket = TRY(quoted_path(config.control_socket));
  const std::string run_folder =
      TRY(quoted_path(std::filesystem::path(config.control_socket).parent_path().string()));
  return "# Written by Ployz; changes are overwritten.\n" +
         server_text(listen, folder, run_folder, socket) + TRY(forwarding_text(config.upstreams)) +
         zone_section(config, folder);
}

std::string initial_zone_text(std::string_view zone) {
  return zone_text(zone, 1, {});
}

std::vector<std::string> upstream_resolvers(std::string_view resolv_conf,
                                            const std::vector<std::string>& own) {
  std::vector<std::string> resolvers;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; resolvers.size() < kMaxUpstreams && std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword, address;
    words >> keyword >> address;
    if (keyword != "nameserver" || !is_ipv4(address)) continue;
    const bool ours = std::ranges::any_of(
        own, [&](const std::string& mine) { return mine.substr(0, mine.find('@')) == address; });
    if (!ours && !std::ranges::contains(resolvers, address)) resolvers.push_back(address);
  }
  return resolvers;
}

}  // namespace ployz

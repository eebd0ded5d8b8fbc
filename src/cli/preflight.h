// What a host must be before it can become a machine. One script, run once over there, says what is
// the case; whether that is enough is decided here, for everything at once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/remote_host.h"

namespace ployz::cli {

// Free space for the package, what it depends on, and the first images.
inline constexpr uint64_t kMinDiskBytes = 2ULL << 30;
// Machines order each other's records by these clocks; NTP keeps hosts within milliseconds.
inline constexpr uint64_t kMaxClockSkewMs = 5000;

struct HostFacts {
  uint64_t uid = 0;
  bool sudo = false;  // without a password
  std::string os;     // "debian 13"
  std::string arch;   // as dpkg calls it
  bool systemd = false;
  uint64_t disk_free_bytes = 0;  // in /var
  bool kernel_wireguard = false;
  bool tun = false;
  uint64_t clock_ms = 0;
  std::string package_version;        // of ployz; empty: not installed
  std::string network;                // it belongs to already; empty: none
  bool removed = false;               // from that network, and it has noticed
  bool pool = false;                  // there is a storage pool of ours, with or without data
  std::string apt_trouble;            // why apt cannot be used; empty: it can
  std::vector<std::string> active;    // units of Ployz that run
  std::vector<std::string> tcp, udp;  // listening sockets as in /proc/net/tcp: "0100007F:1F90"

  [[nodiscard]] bool root() const { return uid == 0; }
  // Whatever a try leaves undone there, datasets of before are none of its own.
  [[nodiscard]] bool may_have_data() const { return removed || pool || !package_version.empty(); }
  // What stands before a command that needs root.
  [[nodiscard]] std::vector<std::string> sudo_words() const;
};

// For `sh -s`: POSIX, changes nothing.
[[nodiscard]] std::string_view preflight_script();
// `corrupt` when this is not what the script prints.
[[nodiscard]] Result<HostFacts> parse_preflight(std::string_view out);

struct PreflightWish {
  std::string arch;                // of our package
  std::string network;             // it is to join
  std::optional<int64_t> skew_ms;  // of its clock to the network's; nullopt: not measured
  uint64_t skew_uncertainty_ms = 0;
};
// Every problem, each a line that says what to do; empty: go ahead.
[[nodiscard]] std::vector<std::string> check_preflight(const HostFacts& facts,
                                                       const PreflightWish& wish);

// Runs the script there. Errors of RemoteHost::run.
[[nodiscard]] Result<HostFacts> look_at(RemoteHost& host, std::stop_token stop);

// As dpkg calls what this program was built for.
[[nodiscard]] std::string_view our_arch();

}  // namespace ployz::cli

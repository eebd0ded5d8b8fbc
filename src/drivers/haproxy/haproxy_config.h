// The texts HAProxy reads at its start. Pure, but for prepare_haproxy_files.
//
// What is served is a pool of empty backends, the slots ("h0000"… for HTTP, "t000"… for TCP), and
// one map, host names and published ports together, that chooses among them. At run time only
// servers and the map change (haproxy_gateway.h), so HAProxy is never reloaded; the files are kept
// equal to it, so a HAProxy that restarts comes up the same without anybody's help.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/gateway.h"

namespace ployz {

struct HaproxyConfig {
  std::filesystem::path directory = "/var/lib/ployz/haproxy";
  std::filesystem::path socket = "/run/ployz/haproxy/admin.sock";
  std::string listen_host = "0.0.0.0";
  uint16_t listen_port = 80;
  // Published ports are redirected here (ADR 0004); 0.0.0.0, because only IPv4 redirects tell the
  // original port.
  uint16_t redirect_port = 41000;
  uint32_t threads = 0;          // 0: one per core
  std::string user = "haproxy";  // empty: stays who it is
  std::string group = "haproxy";
  // Measured: 24 kB a slot, without servers.
  uint32_t http_slots = 512;
  uint32_t tcp_slots = 128;
  std::string nft_table = "ployz";  // empty: published ports are not redirected
  bool operator==(const HaproxyConfig&) const = default;

  [[nodiscard]] std::filesystem::path config_file() const { return directory / "haproxy.cfg"; }
  [[nodiscard]] std::filesystem::path map_file() const { return directory / "routes.map"; }
  [[nodiscard]] std::filesystem::path state_file() const { return directory / "slots.json"; }
};

using SlotName = std::string;
// Which backend each taken slot holds.
using Slots = std::map<SlotName, Backend>;

// The servers of a slot are "s1", "s2", … in the order of Backend::servers.
[[nodiscard]] std::string server_name(size_t index);
// What follows the address, in the file and in `add server` alike.
inline constexpr std::string_view kServerOptions = "check inter 2s fastinter 500ms fall 2 rise 1";

[[nodiscard]] std::vector<SlotName> slot_names(const HaproxyConfig& config, BackendMode mode);
// `invalid`: a listen address, path or server that cannot be written into the file.
[[nodiscard]] Result<std::string> haproxy_config_text(const HaproxyConfig& config,
                                                      const Slots& slots);

// What ployzd does before it starts the unit, and may repeat at any time while the router is down:
// haproxy.cfg (with the servers the router has taken so far), and an empty map if there is none.
[[nodiscard]] Status prepare_haproxy_files(const HaproxyConfig& config);

}  // namespace ployz

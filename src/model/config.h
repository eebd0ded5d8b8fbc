// config.toml of a machine: every field has a default, the file may be absent. Invalid values are
// refused at start with file, line and the accepted range (product.md, Configuration).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

struct ListenAddress {
  std::string host;  // IPv4
  uint16_t port = 0;
  bool operator==(const ListenAddress&) const = default;
};

struct StorageConfig {
  std::string zfs_root;    // empty: no ZFS
  std::string btrfs_root;  // empty: a loopback pool in data_dir
  double overcommit_ratio = 1.0;
  uint64_t loopback_size_bytes = 20ull << 30;
  bool operator==(const StorageConfig&) const = default;
};

struct Config {
  std::filesystem::path data_dir = "/var/lib/ployz";
  std::filesystem::path socket = "/run/ployz/ployzd.sock";
  std::string region;
  std::string az;
  std::string cluster_cidr = "10.101.0.0/16";
  uint8_t subnet_prefix_len = 24;
  std::string cluster_domain = "cluster.local";
  std::string gateway_domain = "ployz.local";
  uint16_t zfs_transfer_port = 4319;
  ListenAddress gateway_listen_addr{"0.0.0.0", 80};
  std::optional<ListenAddress> gateway_https_listen_addr;
  uint32_t gateway_threads = 0;  // 0: one per core
  std::optional<ListenAddress> daemon_metrics_listen_addr;
  std::optional<ListenAddress> gateway_metrics_listen_addr;
  std::optional<ListenAddress> dns_metrics_listen_addr;
  StorageConfig storage;
  bool operator==(const Config&) const = default;
};

// `file` names the source in messages: "config.toml:3:1: gateway_threads must be 0 to 256".
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view file);
// Defaults when the file is absent; `denied` or `invalid` when it cannot be read.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& path);

}  // namespace ployz

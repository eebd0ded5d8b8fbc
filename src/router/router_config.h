// What ployzd tells the router of its machine: router.json, written before ployz-router.service is
// started. No secrets: the key is in a file of its own.
#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/config.h"
#include "model/names.h"
#include "plan/snapshot.h"

namespace ployz {

struct RouterConfig {
  MachineId machine;
  std::string nats_url;
  std::filesystem::path seed_file;
  ClusterConfig cluster;
  ListenAddress gateway;
  uint32_t gateway_threads = 0;  // 0: one per core
  std::filesystem::path data_dir = "/var/lib/ployz";
  bool operator==(const RouterConfig&) const = default;
};

inline constexpr auto kRouterConfigPath = "/var/lib/ployz/router/router.json";

[[nodiscard]] Json to_json(const RouterConfig& config);
// `invalid` names the field; unknown fields are ignored, so that an older router starts under a newer
// daemon while a machine is updated.
[[nodiscard]] Result<RouterConfig> router_config_from_json(const Json& json);

}  // namespace ployz

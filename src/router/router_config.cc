#include "router/router_config.h"

namespace ployz {
namespace {

Result<uint16_t> get_port(const Json& json, std::string_view key) {
  const uint64_t port = TRY(get_uint(json, key));
  if (port == 0 || port > 65535) {
    return fail(Code::invalid, std::format("field '{}' must be a port, 1 to 65535", key));
  }
  return static_cast<uint16_t>(port);
}

}  // namespace

Json to_json(const RouterConfig& config) {
  return {{"version", 1},
          {"machine", config.machine.str()},
          {"nats_url", config.nats_url},
          {"seed_file", config.seed_file.string()},
          {"cluster_domain", config.cluster.cluster_domain},
          {"gateway_domain", config.cluster.gateway_domain},
          {"gateway_host", config.gateway.host},
          {"gateway_port", config.gateway.port},
          {"gateway_threads", config.gateway_threads},
          {"data_dir", config.data_dir.string()}};
}

Result<RouterConfig> router_config_from_json(const Json& json) {
  RouterConfig config;
  config.machine = MachineId(TRY(get_string(json, "machine")));
  config.nats_url = TRY(get_string(json, "nats_url"));
  config.seed_file = TRY(get_string(json, "seed_file"));
  config.cluster.cluster_domain = TRY(get_string(json, "cluster_domain"));
  config.cluster.gateway_domain = TRY(get_string(json, "gateway_domain"));
  config.gateway = {TRY(get_string(json, "gateway_host")), TRY(get_port(json, "gateway_port"))};
  config.cluster.gateway_http_port = config.gateway.port;
  config.gateway_threads = static_cast<uint32_t>(TRY(get_uint_or(json, "gateway_threads", 0)));
  config.data_dir = TRY(get_string(json, "data_dir"));
  return config;
}

}  // namespace ployz

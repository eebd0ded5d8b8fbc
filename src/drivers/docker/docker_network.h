// The ContainerNetwork port: Docker's network `ployz` on the bridge `ployz0`.
#pragma once

#include <cstdint>
#include <string>

#include "drivers/docker/docker_api.h"
#include "ports/containers.h"

namespace ployz {

struct DockerNetworkConfig {
  std::string name = "ployz";
  std::string bridge{kContainerBridge};  // the interface's name, at most 15 bytes
  uint32_t mtu = 1420;              // WireGuard's over an Ethernet of 1500, so nothing fragments
  std::string tunnel = "ployz-wg";  // by which other machines' traffic arrives
};

class DockerNetwork final : public ContainerNetwork {
 public:
  explicit DockerNetwork(DockerApi& api, DockerNetworkConfig config = {})
      : api_(api), config_(std::move(config)) {}

  Status ensure_network(std::string_view subnet) override;
  Status remove_network() override;

 private:
  enum class Found { absent, right, masquerading };
  [[nodiscard]] Result<Found> look(std::string_view subnet);
  [[nodiscard]] Status replace();

  DockerApi& api_;
  DockerNetworkConfig config_;
};

// "10.101.0.0/24" → "10.101.0.1". `invalid` for anything but an IPv4 network with room for hosts.
[[nodiscard]] Result<std::string> first_host(std::string_view subnet);

}  // namespace ployz

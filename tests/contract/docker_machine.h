// The engine of the machine container, with a bridge network and containers of the tests' own.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "drivers/docker/docker_containers.h"
#include "drivers/docker/docker_images.h"
#include "drivers/docker/docker_network.h"

namespace ployz::contract {

inline constexpr std::string_view kTestSubnet = "10.199.0.0/24";
inline constexpr std::string_view kTestImage = "debian:trixie";

struct DockerMachine {
  DockerApi api;
  DockerNetwork network{api, {"ployz-contract", "ployzc0", 1400}};
  DockerContainers containers{api, "ployz-contract"};
  DockerImages images{api};

  ~DockerMachine() {
    (void)network.remove_network();
    (void)api.remove("/images/contract/tagged:1");  // what the images contract leaves
  }

  // The id of the image every test container is made from.
  std::string image_id() {
    const auto found = images.find(kTestImage);
    EXPECT_TRUE(found && *found) << "the machine has no image " << kTestImage;
    return found && *found ? (*found)->id : "";
  }

  ContainerSpec shell(std::string script) {
    ContainerSpec spec;
    spec.image = kTestImage;
    spec.image_id = image_id();
    spec.entrypoint = {{"/bin/sh", "-c"}};
    spec.command = {{std::move(script)}};
    spec.restart = RestartPolicy::no;
    return spec;
  }
};

}  // namespace ployz::contract

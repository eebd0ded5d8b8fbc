// A machine in a container on the operator's computer: how it is started on this very engine, and
// when it is ready. Docker is asked through its command line, so the operator's own configuration
// (DOCKER_HOST, contexts) is honoured.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/contexts.h"
#include "cli/session.h"

namespace ployz::cli {

inline constexpr std::string_view kDefaultMachine = "dev-local";
inline constexpr std::string_view kDefaultImage = "ployz/machine:latest";

struct MachineOptions {
  std::string name = std::string(kDefaultMachine);
  std::string cluster = {};  // it belongs to; a label of the container
  std::string image = std::string(kDefaultImage);
  std::vector<std::string> publish;  // HOST:CONTAINER, where the host does not reach containers
};

// Container, hostname and context of a machine: "dev-local" is container "ployz-dev-local".
[[nodiscard]] std::string container_of(std::string_view machine);

struct ContainerState {
  bool exists = false;
  bool running = false;
  std::string image_id;
  std::string address;  // of its first network; the gateway answers here
};
// `precondition` when no engine answers.
[[nodiscard]] Result<ContainerState> inspect_container(Session& session, const std::string& name);

// The container runs, its systemd has finished booting and ployzd's socket answers, when it
// returns; whether it was made now. From any thread. Repeating is cheap. On failure a container
// made here is left for inspection, and the hint says how to look.
struct MachineUp {
  bool created = false;
  ContainerState state;
  ContextEntry context;
};
[[nodiscard]] Result<MachineUp> ensure_machine(Session& session, const MachineOptions& options);

// The container, its volumes and its folder are gone; removing the absent succeeds with false.
[[nodiscard]] Result<bool> remove_machine(Session& session, const std::string& name);

// Options for `docker run` on this engine, and the arguments behind the image. Exposed for tests.
struct RunRecipe {
  std::vector<std::string> options;
  std::vector<std::string> arguments;
};
struct EngineTraits {
  bool privileged = false;  // --privileged works
  int cgroup_version = 2;
  uint64_t bounding_set = 0;  // CapBnd of this process; bit n is capability n
};
[[nodiscard]] RunRecipe run_recipe(const EngineTraits& traits);

}  // namespace ployz::cli

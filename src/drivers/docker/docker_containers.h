// The Containers port on the Docker Engine API. Containers are found by their label, never by
// memory, so it adopts what an earlier process made. One HTTP connection per call; the engine's
// events instead of polling.
//
// watch() delivers the present state of every container on each connect to the engine, then every
// event. A container that is gone is delivered once with state unknown.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "drivers/docker/docker_api.h"
#include "ports/containers.h"

namespace ployz {

// The engine's name of the overlay bridge network (docker_network.h makes it).
inline constexpr std::string_view kDockerNetwork = "ployz";

class DockerContainers final : public Containers {
 public:
  explicit DockerContainers(DockerApi& api, std::string network = std::string(kDockerNetwork))
      : api_(api), network_(std::move(network)) {}

  Status ensure_running(const InstanceConfig& config) override;
  Status start(const InstanceId& instance) override;
  Status stop(const InstanceId& instance, std::chrono::milliseconds grace) override;
  Status remove(const InstanceId& instance, std::chrono::milliseconds grace) override;
  Status pause(const InstanceId& instance) override;
  Status unpause(const InstanceId& instance) override;
  Result<std::optional<FoundInstance>> find(const InstanceId& instance) override;
  Result<std::vector<FoundInstance>> list() override;
  Result<ExecResult> exec(const InstanceId& instance, const std::vector<std::string>& command,
                          std::chrono::milliseconds timeout) override;
  Status logs(const InstanceId& instance, size_t lines, bool follow,
              const std::function<bool(std::string_view)>& sink, std::stop_token stop) override;
  Result<std::unique_ptr<Subscription>> watch(
      std::function<void(FoundInstance)> on_change) override;

 private:
  // Pauses or resumes; nothing to do is success.
  Status freeze(const InstanceId& instance, bool paused);
  struct Summary {
    std::string container;  // the engine's id
    std::string state;      // "running", "paused", …
    RevisionId revision;
  };
  Result<std::optional<Summary>> summary_of(const InstanceId& instance);
  Result<Summary> required(const InstanceId& instance);

  Status adopt(const InstanceConfig& config, const Summary& present);
  Status start_container(const Summary& present);
  // `error` after undoing what this call created.
  Status undo_create(std::string_view container, Error error);
  Status remove_container(std::string_view container);

  // Of one instance at a time: a second call must find what the first one makes.
  class Turn;

  DockerApi& api_;
  std::string network_;
  std::mutex mutex_;
  std::condition_variable turn_ended_;
  std::set<InstanceId> ensuring_;
};

// "/containers/json" of all containers of Ployz, or of one instance.
[[nodiscard]] std::string list_path(const InstanceId* instance = nullptr);
// Nullopt: no such container (any more).
[[nodiscard]] Result<std::optional<FoundInstance>> inspect_container(DockerApi& api,
                                                                     std::string_view container);
// Every container of Ployz, sorted.
[[nodiscard]] Result<std::vector<FoundInstance>> list_containers(DockerApi& api);

}  // namespace ployz

// The container engine of one simulated machine; survives its daemons.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>

#include "ports/containers.h"
#include "sim/fakes/delivery.h"
#include "sim/fakes/fake_images.h"

namespace ployz::sim {

class FakeContainers final : public Containers {
 public:
  FakeContainers(Hook& hook, FakeImages& images) : hook_(hook), images_(images) {}

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

  // Without a call, for probes, gateways and checkers.
  [[nodiscard]] bool serves(std::string_view address);
  [[nodiscard]] std::vector<FoundInstance> all();
  [[nodiscard]] std::vector<InstanceId> paused();
  // A container with volumes works on them when it starts, and then, while it runs and does not
  // stand still, now and again: `count` says how often. Called under the fake's lock.
  using Work = std::function<void(const InstanceConfig& config, uint64_t count)>;
  void on_work(Work work) { work_ = std::move(work); }
  // Whether one that runs has it mounted.
  [[nodiscard]] bool mounts(const DatasetId& dataset);
  // Called before Ployz stops a running container; not on its own exits.
  void on_stopping(std::function<void(const FoundInstance&)> callback);

 private:
  struct Container {
    FoundInstance found;
    InstanceConfig config;
    Behaviour behaviour;
    uint64_t starts = 0;  // a pending exit belongs to one of them
    uint64_t ready_at_ms = 0;
    bool paused = false;
    uint64_t worked = 0;
    bool wanted = true;   // false: stopped by us, the restart policy does not apply
    std::string log;
  };
  using Entry = std::map<InstanceId, Container>::iterator;

  Status freeze(std::string_view call, const InstanceId& instance, bool paused);
  Status create(const InstanceConfig& config);
  void start_locked(Container& container);
  void exit_locked(Container& container, int exit_code);
  void work_locked(Container& container, uint64_t start);
  void own_exit(const InstanceId& instance, uint64_t start);
  Status end(std::string_view call, const InstanceId& instance, std::chrono::milliseconds grace,
             bool removing);
  void tell(const Container& container);

  Hook& hook_;
  FakeImages& images_;
  std::mutex mutex_;  // never held over a call of the hook that blocks
  std::condition_variable log_changed_;
  std::map<InstanceId, Container> containers_;
  std::vector<std::shared_ptr<Queue<FoundInstance>>> watchers_;
  std::function<void(const FoundInstance&)> on_stopping_;
  Work work_;
};

}  // namespace ployz::sim

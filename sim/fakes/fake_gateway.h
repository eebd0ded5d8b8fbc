// The gateway of one simulated machine: a process of its own, which outlives its router.
#pragma once

#include <map>
#include <mutex>

#include "ports/gateway.h"
#include "sim/fakes/fake_host.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeGateway final : public Gateway {
 public:
  static constexpr size_t kSlots = 256;
  FakeGateway(Hook& hook, Serves serves) : hook_(hook), serves_(std::move(serves)) {}

  Status ensure_backends(const std::vector<Backend>& backends,
                         std::chrono::milliseconds timeout) override;
  Status await_backends(const std::vector<BackendKey>& keys,
                        std::chrono::milliseconds timeout) override;
  Status commit_routes(const RouteTable& table) override;
  Status retire_backends(const std::vector<BackendKey>& keys,
                         std::chrono::milliseconds limit) override;
  Result<std::vector<Backend>> backends() override;
  Result<RouteTable> routes() override;

  // Without a call, for checkers.
  [[nodiscard]] RouteTable serving();
  [[nodiscard]] std::vector<Backend> taken();
  // As health checks find when a server stops: it is out of use, and a restart alone does not bring it
  // back for some seconds. await_backends() does.
  void check_failed(const std::string& address);
  [[nodiscard]] std::vector<std::string> out_of_use(const NamespaceName& name_space);
  // Called after each switch, on the thread that made it.
  void on_switch(std::function<void(const RouteTable&)> callback);

 private:
  [[nodiscard]] bool is_routed_locked(const BackendKey& key) const;

  Hook& hook_;
  Serves serves_;
  std::mutex mutex_;
  std::map<BackendKey, Backend> taken_;
  RouteTable routes_;
  std::set<std::string> down_;  // addresses
  std::function<void(const RouteTable&)> on_switch_;
};

}  // namespace ployz::sim

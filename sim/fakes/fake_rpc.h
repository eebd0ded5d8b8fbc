// The network between daemons: requests and replies that may be lost, late, or delivered twice.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>

#include "ports/machine_rpc.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeRpc final : public MachineRpc {
 public:
  explicit FakeRpc(Hook& hook) : hook_(hook) {}

  Result<Json> call(const RpcAddress& to, const Json& request,
                    std::chrono::milliseconds timeout) override;
  std::vector<Result<Json>> call_all(const std::vector<Call>& calls,
                                     std::chrono::milliseconds timeout) override;
  Result<std::unique_ptr<Subscription>> serve(const MachineId& machine, Target target,
                                              Handler handler) override;

  // For checkers: called on the caller's thread with each answer it got in a scatter-gather.
  using Observer = std::function<void(const RpcAddress& to, bool answered)>;
  void on_answer(Observer observer) { observer_ = std::move(observer); }

 private:
  struct Pending;
  struct Server;
  class Registration;
  using Place = std::pair<MachineId, Target>;

  std::shared_ptr<Pending> start(const RpcAddress& to, const Json& request);
  std::shared_ptr<Server> server_at(const RpcAddress& to);
  void arrive(const std::shared_ptr<Server>& server, const RpcAddress& to, const Json& request,
              const std::shared_ptr<Pending>& pending, bool reply_lost,
              std::chrono::milliseconds after);
  static Result<Json> await(Pending& pending, std::chrono::steady_clock::time_point deadline,
                            const RpcAddress& to);

  Hook& hook_;
  Observer observer_;
  std::mutex mutex_;  // guards servers_
  std::map<Place, std::shared_ptr<Server>> servers_;
};

}  // namespace ployz::sim

// Commands to machines as NATS requests (wire form: rpc_wire.h).
#pragma once

#include "drivers/nats/connection.h"
#include "ports/machine_rpc.h"

namespace ployz {

// Handlers of one serve() that may run at once; further requests are answered `unavailable` at
// once. A deploy may wait for the readiness of every instance of a machine at the same time, each
// in a handler of its own.
inline constexpr size_t kMaxRpcHandlers = 256;

class NatsRpc : public MachineRpc {
 public:
  // The connection outlives this and its subscriptions. `max_handlers` is a parameter for tests.
  explicit NatsRpc(NatsConnection& connection, size_t max_handlers = kMaxRpcHandlers)
      : connection_(connection), max_handlers_(max_handlers) {}

  [[nodiscard]] Result<Json> call(const RpcAddress& to, const Json& request,
                                  std::chrono::milliseconds timeout) override;
  [[nodiscard]] std::vector<Result<Json>> call_all(const std::vector<Call>& calls,
                                                   std::chrono::milliseconds timeout) override;
  // `denied`: this user may not answer for that machine or target. Ending the Subscription waits
  // for the handlers that run.
  [[nodiscard]] Result<std::unique_ptr<Subscription>> serve(const MachineId& machine, Target target,
                                                            Handler handler) override;

 private:
  NatsConnection& connection_;
  size_t max_handlers_;
};

}  // namespace ployz

// Commands to machines: request/reply. A request may be lost, delivered twice or late, and so may
// its reply; the handlers are idempotent (src/agent). Real: NATS subjects
// `ployz.rpc.<machine>.<agent|router>.<command>`.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"
#include "model/plan.h"
#include "ports/control_store.h"

namespace ployz {

// Raised when a request or reply means something else than before; a new command or a new optional
// field is no reason. A build understands the versions from kOldestRpcVersion on: one minor version of
// Ployz raises kRpcVersion, and none before the next but one raises kOldestRpcVersion to it, so that
// machines one minor apart work together (docs/adr/0016).
inline constexpr int kRpcVersion = 1;
inline constexpr int kOldestRpcVersion = 1;

struct RpcAddress {
  MachineId machine;
  Target target = Target::agent;
  std::string command;  // [a-z_]+
  auto operator<=>(const RpcAddress&) const = default;
};

class MachineRpc {
 public:
  virtual ~MachineRpc() = default;

  // The handler's value or its error. `unavailable`, effect none: nobody listens there (answered in
  // about a millisecond). `timeout`, effect unknown: no reply in `timeout`. `corrupt`: a reply
  // that does not parse.
  [[nodiscard]] virtual Result<Json> call(const RpcAddress& to, const Json& request,
                                          std::chrono::milliseconds timeout) = 0;

  struct Call {
    RpcAddress to;
    Json request;
  };
  // Scatter-gather: the results in the order of the calls; returns as soon as all have answered,
  // at the latest after `timeout`.
  [[nodiscard]] virtual std::vector<Result<Json>> call_all(const std::vector<Call>& calls,
                                                           std::chrono::milliseconds timeout) = 0;

  using Handler = std::function<Result<Json>(const std::string& command, const Json& request)>;
  // Answers for this machine and target until the Subscription ends. The handler is called on
  // several threads at once (bounded by the driver); what it throws becomes `internal`.
  [[nodiscard]] virtual Result<std::unique_ptr<Subscription>> serve(const MachineId& machine,
                                                                    Target target,
                                                                    Handler handler) = 0;
};

}  // namespace ployz

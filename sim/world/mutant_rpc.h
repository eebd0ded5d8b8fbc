// A coordinator's view of the other machines, falsified as a mutation wants.
#pragma once

#include <map>
#include <mutex>

#include "ports/machine_rpc.h"
#include "sim/world/mutation.h"

namespace ployz::sim {

class MutantRpc final : public MachineRpc {
 public:
  MutantRpc(MachineRpc& real, Mutation mutation) : real_(real), mutation_(mutation) {}

  [[nodiscard]] static bool is_for(Mutation mutation) {
    return mutation == Mutation::unreachable_confirmed || mutation == Mutation::silent_is_fine ||
           mutation == Mutation::unknown_is_fine;
  }

  Result<Json> call(const RpcAddress& to, const Json& request,
                    std::chrono::milliseconds timeout) override;
  std::vector<Result<Json>> call_all(const std::vector<Call>& calls,
                                     std::chrono::milliseconds timeout) override;
  Result<std::unique_ptr<Subscription>> serve(const MachineId& machine, Target target,
                                              Handler handler) override {
    return real_.serve(machine, target, std::move(handler));
  }

 private:
  MachineRpc& real_;
  Mutation mutation_;
  std::mutex mutex_;
  std::map<RpcAddress, Json> former_;  // the last answer
};

}  // namespace ployz::sim

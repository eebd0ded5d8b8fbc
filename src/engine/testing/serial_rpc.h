// What the machines of tests have in common: several questions are one after the other.
#pragma once

#include <vector>

#include "ports/machine_rpc.h"

namespace ployz::testing {

class SerialRpc : public MachineRpc {
 public:
  std::vector<Result<Json>> call_all(const std::vector<Call>& calls,
                                     std::chrono::milliseconds timeout) override {
    std::vector<Result<Json>> answers;
    for (const Call& each : calls) answers.push_back(call(each.to, each.request, timeout));
    return answers;
  }
  Result<std::unique_ptr<Subscription>> serve(const MachineId&, Target, Handler) override {
    return fail(Code::unsupported, "not in this test");
  }
};

}  // namespace ployz::testing

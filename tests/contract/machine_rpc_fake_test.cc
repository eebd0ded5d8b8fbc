// The MachineRpc contract on the simulator's fake.
#include "contract/machine_rpc_contract.h"
#include "sim/fakes/fake_rpc.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

class FakeRpcWorld final : public MachineRpcWorld {
 public:
  MachineRpc& caller() override { return rpc_; }
  MachineRpc& server(const std::string&, Target) override { return rpc_; }
  bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
             const std::function<bool()>& done) override {
    return changed.wait_for(lock, std::chrono::seconds(30), done);
  }

 private:
  sim::NoHook hook_;
  sim::FakeRpc rpc_{hook_};
};

std::unique_ptr<MachineRpcWorld> make() { return std::make_unique<FakeRpcWorld>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, MachineRpcContract, testing::Values(&make));

}  // namespace ployz::contract

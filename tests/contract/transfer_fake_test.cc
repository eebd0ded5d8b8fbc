// The Transfers contract on the simulator's fake.
#include "contract/transfer_contract.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_transfers.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

class FakeTransferWorld final : public TransferWorld {
 public:
  explicit FakeTransferWorld(TransferOptions options)
      : offering_(std::make_unique<sim::FakeTransfers>(hook_, network_, clock_, "10.101.0.1:4319",
                                                       options.silence, options.key_lifetime)),
        dialing_(hook_, network_, clock_, "10.101.1.1:4319", options.silence) {}
  Transfers& offering() override { return *offering_; }
  Transfers& dialing() override { return dialing_; }
  std::string address() override { return "10.101.0.1:4319"; }
  void cut() override { network_.cut(); }
  void silence() override { network_.silence(); }
  void end_offering() override { offering_.reset(); }

 private:
  sim::NoHook hook_;
  sim::SkewedClock clock_;
  sim::FakeStreamNetwork network_;
  std::unique_ptr<sim::FakeTransfers> offering_;
  sim::FakeTransfers dialing_;
};

std::unique_ptr<TransferWorld> make(TransferOptions options) {
  return std::make_unique<FakeTransferWorld>(options);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, TransferContract, testing::Values(&make));

}  // namespace ployz::contract

// The control store's contract on the simulator's fake.
#include "contract/control_store_faults_contract.h"
#include "contract/fake_store_world.h"

namespace ployz::contract {
namespace {

std::unique_ptr<ControlStoreWorld> make() { return std::make_unique<FakeStoreWorld>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, CommitLogContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Fake, KeyValueContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Fake, ControlStoreFaults, testing::Values(&make));

}  // namespace ployz::contract

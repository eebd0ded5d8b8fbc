// The Units contract on the simulator's fake.
#include "contract/units_contract.h"
#include "sim/fakes/fake_units.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

UnitsUnderTest make() {
  static sim::NoHook hook;
  auto units = std::make_unique<sim::FakeUnits>(hook);
  units->install("good.service");
  units->install("bad.service", true);
  return {std::move(units), "good.service", "bad.service"};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, UnitsContract, testing::Values(&make));

}  // namespace ployz::contract

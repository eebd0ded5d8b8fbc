// The Units contract on the machine's own systemd, with two throw-away units.
#include <fstream>

#include "contract/units_contract.h"
#include "drivers/systemd/systemd_units.h"

namespace ployz::contract {
namespace {

constexpr auto kUnit = "ployz-contract.service";
constexpr auto kFailing = "ployz-contract-failing.service";

void write_unit(const std::string& name, const std::string& command) {
  std::ofstream file("/run/systemd/system/" + name);
  file << "[Service]\nType=exec\nExecStart=" << command << "\n"
       << "[Install]\nWantedBy=multi-user.target\n";
}

UnitsUnderTest make() {
  write_unit(kUnit, "/bin/sleep infinity");
  write_unit(kFailing, "/no/such/program");
  auto units = SystemdUnits::connect(std::chrono::seconds(20));
  if (!units) {
    ADD_FAILURE() << units.error().line();
    return {};
  }
  return {std::move(*units), kUnit, kFailing};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Systemd, UnitsContract, testing::Values(&make));

}  // namespace ployz::contract

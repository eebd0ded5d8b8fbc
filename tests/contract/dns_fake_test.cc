// The Dns contract on the simulator's fake.
#include "contract/dns_contract.h"
#include "sim/fakes/fake_dns.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

DnsUnderTest make() {
  static sim::NoHook hook;
  return {nullptr, std::make_shared<sim::FakeDns>(hook)};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, DnsContract, testing::Values(&make));

}  // namespace ployz::contract

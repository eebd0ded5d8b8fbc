// The Overlay contract on the simulator's fake.
#include "contract/overlay_contract.h"
#include "sim/fakes/fake_overlay.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

constexpr auto kAlive = "192.0.2.2:51820";

OverlayUnderTest make() {
  static sim::NoHook hook;
  auto overlay = std::make_shared<sim::FakeOverlay>(
      hook, [](const Peer&, std::string_view endpoint) { return endpoint == kAlive; });
  OverlayUnderTest result;
  result.overlay = overlay.get();
  result.owner = overlay;
  result.config = {.private_key = std::string(42, 'k') + "A=",
                   .address = "10.101.0.1",
                   .subnet = "10.101.0.0/24",
                   .cluster_cidr = "10.101.0.0/16"};
  result.answers = {std::string(42, 'a') + "A=", "10.101.1.0/24", {kAlive}};
  result.dead_endpoint = "192.0.2.9:51820";
  result.await = [](const std::function<bool()>& is_true) {
    for (int i = 0; i < 5; ++i) {
      if (is_true()) return true;
    }
    return false;
  };
  return result;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, OverlayContract, testing::Values(&make));

}  // namespace ployz::contract

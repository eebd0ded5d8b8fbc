// The Images contract on the simulator's fake.
#include "contract/images_contract.h"
#include "sim/fakes/fake_images.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

struct World {
  sim::NoHook hook;
  sim::FakeImages images{hook};
};

ImagesUnderTest make() {
  auto world = std::make_shared<World>();
  world->images.add("contract/here:1", "sha256:" + std::string(64, 'a'), {});
  return {world, &world->images, "contract/here:1"};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, ImagesContract, testing::Values(&make));

}  // namespace ployz::contract

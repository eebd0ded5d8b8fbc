// The Containers contract on the simulator's fake.
#include "contract/containers_contract.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

struct World {
  sim::NoHook hook;
  sim::FakeImages images{hook};
  sim::FakeContainers containers{hook, images};
};

ContainerSpec spec_of(World& world, char digit, sim::Behaviour behaviour) {
  ContainerSpec spec;
  spec.image = std::string("contract/") + digit + ":1";
  spec.image_id = "sha256:" + std::string(64, digit);
  spec.restart = RestartPolicy::no;
  world.images.add(spec.image, spec.image_id, behaviour);
  return spec;
}

ContainersUnderTest make() {
  auto world = std::make_shared<World>();
  ContainersUnderTest result;
  result.containers = &world->containers;
  sim::Behaviour runs;
  runs.ready_after_ms = 0;
  result.runs = spec_of(*world, 'a', runs);
  sim::Behaviour exits;
  exits.exits_after_ms = 1;
  exits.exit_code = 3;
  result.exits = spec_of(*world, 'b', exits);
  sim::Behaviour stubborn;
  stubborn.ignores_sigterm = true;
  result.stubborn = spec_of(*world, 'c', stubborn);
  result.address = "10.199.0.7";
  result.other_address = "10.199.0.8";
  result.folder = "/pool/data";
  result.owner = world;
  return result;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, ContainersContract, testing::Values(&make));

}  // namespace ployz::contract

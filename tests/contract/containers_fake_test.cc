// The contracts of Containers and Images on the simulator's fakes.
#include "contract/containers_contract.h"
#include "contract/images_contract.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

struct FakeMachine {
  sim::NoHook hook;
  sim::FakeImages images{hook};
  sim::FakeContainers containers{hook, images};
};

ContainerSpec spec_of(FakeMachine& machine, const std::string& id, sim::Behaviour behaviour) {
  machine.images.add("contract/" + id + ":1", id, behaviour);
  ContainerSpec spec;
  spec.image_id = id;
  spec.restart = RestartPolicy::no;
  return spec;
}

ContainersUnderTest make_containers() {
  auto machine = std::make_shared<FakeMachine>();
  ContainersUnderTest result;
  result.containers = &machine->containers;
  result.runs = spec_of(*machine, "runs", {.ready_after_ms = 0});
  result.exits = spec_of(*machine, "exits", {.exits_after_ms = 10, .exit_code = 3});
  result.stubborn = spec_of(*machine, "stubborn", {.ignores_sigterm = true});
  result.address = "10.199.0.7";
  result.other_address = "10.199.0.8";
  result.owner = std::move(machine);
  return result;
}

ImagesUnderTest make_images() {
  auto machine = std::make_shared<FakeMachine>();
  machine->images.add("contract/here:1", "sha256:here", {});
  return {machine, &machine->images, "contract/here:1"};
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, ContainersContract, testing::Values(&make_containers));
INSTANTIATE_TEST_SUITE_P(Fake, ImagesContract, testing::Values(&make_images));

}  // namespace ployz::contract
